"""Arrays of .npy and .npz files: nothing is unpickled, and nothing is allocated that the file does not hold."""

from __future__ import annotations

import math
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import IO

import numpy as np
from numpy.lib import format as npy

from xmr.errors import DataError, Problem

LONGEST_HEADER = 10_000  # bytes; numpy's own limit
LARGEST_UNPACKED = 1 << 30  # bytes; up to this, an archive may be as small as it likes
DENSEST = 200  # above it: times smaller than what it holds. Deflate reaches 1,032 with zeros
# What numpy and zipfile raise for a damaged file. TypeError, TokenError, RecursionError, MemoryError: its header is
# parsed as Python (ast.literal_eval says MemoryError when it is nested too deeply); RuntimeError: an encrypted member.
_DAMAGED = (
    ValueError,
    TypeError,
    SyntaxError,
    TokenError,
    RecursionError,
    MemoryError,
    OverflowError,
    KeyError,
    EOFError,
    OSError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


def load_arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a .npz file, or of a .npy file as `values`. Nothing is unpickled.

    Raises DataError for a file that is damaged, holds an array without a value, announces more than it holds, or is an
    archive of more than 1 GiB in less than a two hundredth of that.
    """
    if not path.is_file():
        raise DataError(Problem(str(path), "no regular file", "a .npy or .npz file"))
    try:
        with path.open("rb") as handle:
            start = handle.read(4)
            handle.seek(0)
            if start == npy.MAGIC_PREFIX[:4]:
                return {"values": _array(handle, "values", path, path.stat().st_size)}
            if start[:2] != b"PK":
                raise DataError(Problem(str(path), "a file that is no NumPy array", "what numpy.savez writes"))
            with zipfile.ZipFile(handle) as archive:
                return _members(archive, path)
    except _DAMAGED as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(Problem(str(path), f"an archive that cannot be read ({reason})", "plain arrays")) from error


def check_size(total: int, path: Path, what: str, expected: str) -> None:
    """Raises DataError for a zip archive whose members unpack to more bytes than its own size lets expect."""
    size = path.stat().st_size
    if total > max(LARGEST_UNPACKED, DENSEST * size):
        found = f"{what} of {total:,} bytes in an archive of {size:,}"
        raise DataError(Problem(str(path), found, expected))


def _members(archive: zipfile.ZipFile, path: Path) -> dict[str, np.ndarray]:
    """The arrays of an archive; whatever else lies in it is skipped."""
    entries = [entry for entry in archive.infolist() if entry.filename.endswith(".npy")]
    total = sum(entry.file_size for entry in entries)
    check_size(total, path, "arrays", "an archive written without compression (numpy.savez)")
    made: dict[str, np.ndarray] = {}
    for entry in entries:
        name = entry.filename.removesuffix(".npy")
        if name in made:
            raise DataError(Problem(str(path), f"the array {name!r} twice", "each name once"))
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            expected = "that of numpy.savez_compressed, or none (numpy.savez)"
            raise DataError(Problem(str(path), f"an unusual compression of the array {name!r}", expected))
        with archive.open(entry) as handle:
            made[name] = _array(handle, name, path, entry.file_size)
    return made


def _array(handle: IO[bytes], name: str, path: Path, size: int) -> np.ndarray:
    """The array of a .npy file of `size` bytes, once its header is known to announce no more than these."""
    major, _ = npy.read_magic(handle)
    width = 2 if major == 1 else 4
    length = int.from_bytes(handle.read(width), "little")
    if length > LONGEST_HEADER:
        raise ValueError(f"a header of {length:,} bytes")
    handle.seek(-width, 1)
    read_header = npy.read_array_header_1_0 if major == 1 else npy.read_array_header_2_0
    shape, _, kind = read_header(handle)
    needed = math.prod(shape) * kind.itemsize
    there = size - handle.tell()
    if needed > there:
        found = f"the array {name!r} of shape {shape}, {needed:,} bytes, of which {there:,} are there"
        raise DataError(Problem(str(path), found, "a whole file"))
    if needed <= 0:
        raise DataError(Problem(str(path), f"the array {name!r} of shape {shape} without any value", "values"))
    handle.seek(0)
    return npy.read_array(handle, allow_pickle=False)
