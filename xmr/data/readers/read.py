"""One door to every file format: choose the reader by the file's name, stream records, refuse what is broken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xmr.data.readers.fasta import read_fasta
from xmr.data.readers.images import read_folder, read_npz
from xmr.data.readers.sequences import Columns, read_delimited, read_parquet
from xmr.data.readers.series import stream_series
from xmr.data.readers.tables import stream_named, stream_rows
from xmr.data.readers.text import reading
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem, nearest

FASTA = (".fasta", ".fa", ".faa", ".fna", ".fas")
TEXTS = (*FASTA, ".csv", ".tsv", ".parquet")
FORMATS = (*TEXTS, ".npz")
CHUNK = 4096


def format_of(path: Path, known: tuple[str, ...] = FORMATS) -> str:
    """The suffix that names the format, before a `.gz`. Raises DataError for one that is not read."""
    suffix = Path(path.stem).suffix if path.suffix == ".gz" else path.suffix
    if suffix.lower() not in known:
        found = f"a file ending in {suffix or 'nothing'!r}"
        raise DataError(Problem(str(path), found, f"one of {', '.join(known)} (or .gz)"))
    return suffix.lower()


def stream(path: Path, columns: Columns, chunk: int = CHUNK) -> Iterator[Records]:
    """Records of a file, or of a folder of files, in chunks.

    Raises DataError: missing, empty, unreadable, or broken at a line.
    """
    with reading(path):
        yield from _by_kind(path, columns, chunk)


def _by_kind(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    if columns.reads == "series":
        yield from stream_series(path, columns, chunk)
    elif columns.reads == "table":
        yield from stream_rows(path, columns, chunk)
    else:
        must_exist(path)
        if columns.reads == "sequences" and path.is_dir():
            raise DataError(Problem(str(path), "a folder", f"a file of records: {', '.join(TEXTS)} (or .gz)"))
        if columns.names:
            yield from stream_named(path, columns, chunk)
        elif path.is_dir():
            yield from read_folder(path, columns.need_target, chunk)
        elif path.stat().st_size == 0:
            raise DataError(Problem(str(path), "an empty file", "records"))
        else:
            formats = TEXTS if columns.reads == "sequences" else FORMATS
            yield from _by_format(path, format_of(path, formats), columns, chunk)


def must_exist(path: Path) -> None:
    """Raises DataError, with the nearest name beside it, where there is no such file or folder."""
    if not path.exists():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(Problem(str(path), "no such file", "a data file or folder", nearest(path.name, siblings)))


def _by_format(path: Path, kind: str, columns: Columns, chunk: int) -> Iterator[Records]:
    if kind in FASTA:
        yield from read_fasta(path, chunk)
    elif kind == ".npz":
        yield from read_npz(path, columns.need_target, chunk)
    elif kind == ".parquet":
        yield from read_parquet(path, columns, chunk)
    else:
        yield from read_delimited(path, "\t" if kind == ".tsv" else ",", columns, chunk)


def read_all(path: Path, columns: Columns, on_bad: str, skipped: Skipped) -> Records:
    """A whole file for training. Empty inputs, repeated ids and unknown SET words are refused or skipped."""
    records = Records.join(list(stream(path, columns)))
    if not len(records):
        raise DataError(Problem(str(path), "no record", "at least one"))
    if columns.need_target and len(columns.target) > len(records.labels):
        expected = f"columns named {', '.join(columns.target)} (data.target), as CSV, TSV or Parquet have"
        raise DataError(Problem(str(path), "one label a record", expected))
    wrong: dict[int, str] = {}
    seen: dict[str, int] = {}
    for index, name in enumerate(records.ids):
        if name in seen:
            wrong[index] = f"found the id {name!r} again (first at {records.place(seen[name])}); expected unique ids"
        seen.setdefault(name, index)
    for index, role in enumerate(records.role):
        if role not in ("", "train", "validation", "test"):
            hint = "expected train, validation or test"
            wrong[index] = f"found the set {role!r}; {hint}"
    if path.is_dir() and columns.need_target and columns.reads not in ("series", "table"):
        for index, label in enumerate(records.labels.get("label", [])):
            if label == "":
                wrong[index] = "found a file outside any class; expected one subfolder a class"
    return without_bad(records, wrong, on_bad, skipped)
