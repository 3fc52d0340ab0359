"""Files: written so that no reader sees half of one (a temporary file, then a rename), and kept in their folder."""

from __future__ import annotations

import csv
import glob
import hashlib
import json
import math
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xmr.errors import OutputError, Problem

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

NAMES = "surrogateescape"  # bytes of a file name that are not UTF-8 are written as they were
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the beginning of a formula


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of `path` when the block ends without an error.

    Raises OutputError where the file cannot be written: no permission, no space, a folder in its place.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def sweep(path: Path) -> None:
    """Delete what writes of `path` left that a kill stopped. Only for who holds the lock of the place."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if part.name.split(".")[-2].isdigit():
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing `path` (no permission, no space) into an OutputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        found = f"a place that cannot be written ({reason})"
        raise OutputError(Problem(str(path), found, "a writable place with space on it")) from error


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


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write tensors (safetensors) in one step -> the sha256 of the file."""
    from safetensors.torch import save

    content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def json_sha256(value: Any) -> str:
    """The sha256 of a JSON value, whatever the order of its keys and its layout in a file."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def array_sha256(values: np.ndarray) -> str:
    """The sha256 of an array: its type, shape and numbers."""
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape}".encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


def finite(value: Any) -> Any:
    """JSON has no NaN: numbers that are not finite become null."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV table in one step."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=NAMES) as handle:
        table = csv.writer(handle)
        table.writerow(header)
        table.writerows(rows)


def escape_formula(cell: Any) -> Any:
    """A text that a spreadsheet would take for a formula, with an apostrophe before it; anything else as it is."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def leads_out(text: str) -> bool:
    """Whether a name in a file would leave the file's folder."""
    path = Path(text)
    return path.is_absolute() or ".." in path.parts
