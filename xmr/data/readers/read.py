"""The entry point for every file format: choose the reader by what the encoder reads and by the file's name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xmr.data.columns import Columns
from xmr.data.readers.fasta import FASTA, read_fasta
from xmr.data.readers.images import read_folder, read_npz
from xmr.data.readers.paths import check_file, must_exist
from xmr.data.readers.rows import COLUMNAR
from xmr.data.readers.sequences import read_sequences
from xmr.data.readers.series import read_series
from xmr.data.readers.tables import read_table
from xmr.data.readers.text import reading
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem

FORMATS = (*FASTA, *COLUMNAR)
CHUNK = 4096


def stream(path: Path, columns: Columns, chunk: int = CHUNK) -> Iterator[Records]:
    """Records of a file, or of a folder of files, in chunks.

    Raises DataError: missing, empty, unreadable, or broken at a line.
    """
    readers = {"series": read_series, "table": read_table, "sequences": _read_texts}
    with reading(path):
        yield from readers.get(columns.reads, _read_files)(path, columns, chunk)


def _read_texts(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """FASTA, or a table with a column of texts."""
    if check_file(path, FORMATS, "records") in FASTA:
        yield from read_fasta(path, chunk)
    else:
        yield from read_sequences(path, columns, chunk)


def _read_files(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Images or audio clips: a folder of them, an array, or a table that lists them."""
    must_exist(path)
    if path.is_dir():
        yield from read_folder(path, columns.need_target, chunk)
    elif check_file(path, (*FORMATS, ".npz"), "records") == ".npz":
        yield from read_npz(path, columns.need_target, chunk)
    else:
        yield from _read_texts(path, columns, chunk)


def read_all(path: Path, columns: Columns, on_error: str, skipped: Skipped) -> Records:
    """A whole file for training. Empty inputs, repeated ids and unknown SET words are refused or skipped."""
    records = Records.join(list(stream(path, columns)))
    if not len(records):
        raise DataError(Problem(str(path), "no record", "at least one"))
    if columns.need_target and len(columns.target) > len(records.labels):
        expected = f"columns named {', '.join(columns.target)} (data.target), as CSV, TSV or Parquet have"
        raise DataError(Problem(str(path), "one label per record", expected))
    wrong: dict[int, str] = {}
    seen: dict[str, int] = {}
    for index, name in enumerate(records.ids):
        if name in seen:
            wrong[index] = f"found the id {name!r} again (first at {records.location(seen[name])}); expected unique ids"
        seen.setdefault(name, index)
    for index, role in enumerate(records.role):
        if role not in ("", "train", "validation", "test"):
            hint = "expected train, validation or test"
            wrong[index] = f"found the set {role!r}; {hint}"
    if path.is_dir() and columns.need_target and columns.reads not in ("series", "table"):
        for index, label in enumerate(records.labels.get("label", [])):
            if label == "":
                wrong[index] = "found a file outside any class; expected one subfolder per class"
    return without_bad(records, wrong, on_error, skipped)
