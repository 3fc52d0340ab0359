"""Files: written so that no reader sees half of one (a temporary file, then a rename), and kept in their folder."""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        temporary.chmod(0o666 & ~mask)  # some writers make private files
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write text in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON; refuses NaN, which is not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array of numbers (.npy, no pickle) in one step."""
    import numpy

    with replacing(path) as temporary, temporary.open("wb") as handle:
        numpy.save(handle, values, allow_pickle=False)


def finite(value: Any) -> Any:
    """JSON has no NaN: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV table in one step."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as handle:
        table = csv.writer(handle)
        table.writerow(header)
        table.writerows(rows)


def leads_out(text: str) -> bool:
    """Whether a name in a file would leave the file's folder."""
    path = Path(text)
    return path.is_absolute() or ".." in path.parts
