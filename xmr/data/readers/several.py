"""Several files read as one: a list of them, a folder, or a zip archive."""

from __future__ import annotations

import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from xmr.core.arrays import check_size
from xmr.data.columns import Columns
from xmr.data.readers.images import files_below
from xmr.data.readers.parts import parts_and_classes
from xmr.data.readers.paths import must_exist, suffix_of
from xmr.data.readers.text import reading
from xmr.data.records import Records
from xmr.errors import DataError, Problem

MOST_FILES = 10_000  # of a zip archive
Read = Callable[[Path, Columns, int], Iterator[Records]]


@dataclass(frozen=True)
class Files:
    """Files below one folder, by their names in it."""

    home: Path
    names: tuple[str, ...]

    @classmethod
    def of(cls, paths: Sequence[Path]) -> Files:
        """Of a list; the folder is the one they have in common."""
        for path in paths:
            must_exist(path)
            if not path.is_file():
                expected = "files: a folder stands alone"
                raise DataError(Problem(str(path), "a folder in a list of paths", expected))
        home = os.path.commonpath([os.path.abspath(path.parent) for path in paths])
        return cls(Path(home), tuple(Path(os.path.relpath(path, home)).as_posix() for path in paths))

    @classmethod
    def below(cls, folder: Path, suffixes: Sequence[str]) -> Files:
        """Of a folder: those with a suffix that is read. Raises DataError where there is none."""
        found = [path.as_posix() for path in files_below(folder) if suffix_of(path) in suffixes]
        if not found:
            found_none = "a folder without files of records"
            raise DataError(Problem(str(folder), found_none, f"files ending in {', '.join(suffixes)}"))
        return cls(folder, tuple(found))


def read_several(files: Files, read: Read, columns: Columns, chunk: int) -> Iterator[Records]:
    """The records of all files, in chunks. Their names may say the part, and the class where the files hold no labels.

    Raises DataError where the columns of two files differ.
    """
    roles, classes = parts_and_classes(files.names)
    columns = replace(columns, need_target=columns.need_target and not classes)
    first: Records | None = None
    named = False
    for at, name in enumerate(files.names):
        path = files.home / name
        with reading(path):
            for part in read(path, columns, chunk):
                if first is None:
                    first, named = part, bool(classes) and not any(map(any, part.labels.values()))
                if named:
                    part = replace(part, labels={"label": [classes[at]] * len(part)}, title=[])
                elif (part.columns, [*part.labels]) != (first.columns, [*first.labels]):
                    found = f"columns {', '.join((*part.columns, *part.labels))}"
                    expected = f"{', '.join((*first.columns, *first.labels))} as in {files.names[0]}"
                    raise DataError(Problem(str(path), found, expected))
                if columns.recalled().documents:
                    part = replace(part, ids=[name])
                role = part.role if any(part.role) or not roles else [roles[at]] * len(part)
                yield replace(part, role=role, file=str(files.home), origin=[name] * len(part))


@contextmanager
def unpacked(archive: Path) -> Iterator[Path]:
    """The files of a zip archive in a temporary folder, the innermost that holds them all.

    Raises DataError for a damaged archive, and one that unpacks to much more than its size.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(archive) as opened:
                entries = opened.infolist()
                check_size(sum(entry.file_size for entry in entries), archive, "files", "a plain zip archive")
                if len(entries) > MOST_FILES:
                    expected = f"at most {MOST_FILES:,}: unzip it, and name the folder"
                    raise DataError(Problem(str(archive), f"{len(entries):,} files", expected))
                for entry in entries:
                    name = Path(entry.filename)
                    if entry.is_dir() or name.is_absolute() or ".." in name.parts or name.parts[0] == "__MACOSX":
                        continue
                    place = Path(folder, name)
                    place.parent.mkdir(parents=True, exist_ok=True)
                    with opened.open(entry) as source, place.open("wb") as target:
                        shutil.copyfileobj(source, target)
        except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError, ValueError) as error:
            if isinstance(error, DataError):
                raise
            reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
            found = f"an archive that cannot be read ({reason})"
            raise DataError(Problem(str(archive), found, "a whole .zip file")) from error
        inside = Path(folder)
        while len(only := [*inside.iterdir()]) == 1 and only[0].is_dir():
            inside = only[0]
        yield inside
