"""Files: written atomically (a temporary file, then a rename), and never outside their folder."""

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

NAMES = "surrogateescape"  # bytes of a file name that are not UTF-8 are written unchanged
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # characters at which a spreadsheet starts a formula


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that replaces `path` when the block ends without an error.

    Raises OutputError if the file cannot be written: no permission, no space, a folder at that path.
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
    """Delete temporary files of interrupted writes of `path`. Only for the holder of the lock."""
    for part in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if part.name.split(".")[-2].isdigit():
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn operating-system errors of writing `path` (no permission, no space) into an OutputError."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        found = f"a path that cannot be written ({reason})"
        raise OutputError(Problem(str(path), found, "a writable path with enough space")) from error


def write_text(path: Path, text: str) -> None:
    """Write text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON; refuses NaN, which is not JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_array(path: Path, values: np.ndarray) -> None:
    """Write an array of numbers (.npy, no pickle) atomically."""
    import numpy

    with replacing(path) as temporary, temporary.open("wb") as handle:
        numpy.save(handle, values, allow_pickle=False)


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> str:
    """Write tensors (safetensors) atomically -> the sha256 of the file."""
    from safetensors.torch import save

    content = save({name: tensor.contiguous() for name, tensor in tensors.items()})
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def json_sha256(value: Any) -> str:
    """The sha256 of a JSON value, independent of key order and layout."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def array_sha256(values: np.ndarray) -> str:
    """The sha256 of an array: its type, shape and values."""
    digest = hashlib.sha256(f"{values.dtype.str} {values.shape}".encode())
    digest.update(values.tobytes())
    return digest.hexdigest()


def finite(value: Any) -> Any:
    """Replace numbers that are not finite by null, because JSON has no NaN."""
    if isinstance(value, dict):
        return {key: finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_csv(path: Path, header: list[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a CSV table atomically."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8", errors=NAMES) as handle:
        table = csv.writer(handle)
        table.writerow(header)
        table.writerows(rows)


def escape_formula(cell: Any) -> Any:
    """Put an apostrophe before a text that a spreadsheet would take for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell


def leads_out(text: str) -> bool:
    """Whether a name in a file would leave the file's folder."""
    path = Path(text)
    return path.is_absolute() or ".." in path.parts
