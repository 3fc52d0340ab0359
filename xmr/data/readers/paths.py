"""What a data file must be before it is opened: there, not empty, of a known format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xmr.core.store import fetched, local_path
from xmr.data.public.location import cache_folder
from xmr.errors import DataError, Problem, nearest


def inputs(sources: Sequence[str]) -> list[Path]:
    """Paths of what is read; the file of an address of fsspec is fetched first. Raises InputError."""
    return [local_path(source) or fetched(source, cache_folder() / "inputs") for source in sources]


def must_exist(path: Path) -> None:
    """Raises DataError, with the nearest name in its folder, where there is no such file or folder."""
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(Problem(str(path), "no such file", "a data file or folder", nearest(path.name, siblings)))


def check_file(path: Path, known: tuple[str, ...], expected: str) -> str:
    """The suffix that names the format, before a `.gz`. expected: what the file should hold, for messages.

    Raises DataError for a file that does not exist, is a folder, is empty, or has a suffix that is not `known`.
    """
    must_exist(path)
    formats = f"{', '.join(known)} (or .gz)"
    if path.is_dir():
        raise DataError(Problem(str(path), "a folder", f"a file of {expected}: {formats}"))
    if path.stat().st_size == 0:
        raise DataError(Problem(str(path), "an empty file", expected))
    suffix = suffix_of(path)
    if suffix == ".zip" and suffix not in known:
        raise DataError(Problem(str(path), "a zip archive", "the files in it: unzip it, and name the folder or file"))
    if suffix not in known:
        raise DataError(Problem(str(path), f"a file ending in {suffix or 'nothing'!r}", f"one of {formats}"))
    return suffix


def suffix_of(path: Path) -> str:
    """The suffix that names the format, before a `.gz`, in lower case."""
    return (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()
