"""Text files: opened through gzip where they are zipped; what is no text is named by line."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from xmr.errors import DataError, Problem

_DAMAGED = (EOFError, gzip.BadGzipFile, zlib.error)


def open_text(path: Path, errors: str = "strict") -> IO[str]:
    """Open a text file for reading, through gzip where its first bytes say so, without a byte order mark."""
    with path.open("rb") as probe:
        zipped = probe.read(2) == b"\x1f\x8b"
    if zipped:
        return gzip.open(path, "rt", encoding="utf-8-sig", errors=errors)
    return path.open(encoding="utf-8-sig", errors=errors)


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Raises DataError, with the line, for text that is not UTF-8; for damaged gzip files and what cannot be opened."""
    try:
        yield
    except UnicodeDecodeError:
        raise DataError(_no_text(path)) from None
    except _DAMAGED as error:
        raise DataError(Problem(str(path), "a gzip file cut short or damaged", "a whole gzip file")) from error
    except OSError as error:
        found = f"a file that cannot be read ({error.strerror or error})"
        raise DataError(Problem(str(path), found, "a file that this user may read")) from error


def _no_text(path: Path) -> Problem:
    """The first line that is not UTF-8. The decoder itself counts bytes from the last block it read."""
    place, found = str(path), "bytes that are not text"
    try:
        with open_text(path, errors="surrogateescape") as handle:
            for number, line in enumerate(handle, start=1):
                if wrong := next((c for c in line if "\udc80" <= c <= "\udcff"), None):
                    place, found = f"{path}:{number}", f"bytes that are not text (0x{ord(wrong) - 0xDC00:02x})"
                    break
    except _DAMAGED:
        pass
    return Problem(place, found, "UTF-8 text (a file in another encoding has to be saved as UTF-8)")
