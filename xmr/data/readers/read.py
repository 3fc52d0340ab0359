"""The entry point for every file format: choose the reader by what the encoder reads and by the file's name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from xmr.data.columns import Columns
from xmr.data.mutations import whole_sequences
from xmr.data.pattern import apply_pattern
from xmr.data.readers.fasta import FASTA, names_a_file, read_fasta
from xmr.data.readers.images import Listed, read_folder, read_folders, read_npz
from xmr.data.readers.paths import check_file, must_exist, suffix_of
from xmr.data.readers.rows import COLUMNAR
from xmr.data.readers.sequences import read_sequences
from xmr.data.readers.series import read_series
from xmr.data.readers.several import Files, Read, read_several, unpacked
from xmr.data.readers.smiles import SMILES, read_smiles
from xmr.data.readers.tables import FORMATS as OF_TABLES
from xmr.data.readers.tables import read_table
from xmr.data.readers.text import reading
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem

FORMATS = (*FASTA, SMILES, *COLUMNAR)
CHUNK = 4096
_OF_FILES = ("sequences", "table", "series")  # read whole: from several files, or from a zip archive


def stream(path: Path | Sequence[Path], columns: Columns, chunk: int = CHUNK) -> Iterator[Records]:
    """Records of a file, of several, or of a folder or zip archive of files, in chunks.

    Raises DataError: missing, empty, unreadable, or broken at a line.
    """
    readers: dict[str, Read] = {"series": read_series, "table": read_table, "sequences": _read_texts}
    read = readers.get(columns.reads, _read_files)
    if columns.reads not in _OF_FILES and not columns.need_target and (media := _media(path)) is not None:
        yield from media
        return
    if not isinstance(path, Path) and columns.reads not in _OF_FILES and all(one.is_dir() for one in path):
        yield from read_folders(path, columns.need_target, chunk)
        return
    if (files := files_of(path, columns.reads)) is not None:
        yield from read_several(files, read, columns, chunk)
        return
    assert isinstance(path, Path)
    if path.suffix == ".zip" and path.is_file() and columns.reads in _OF_FILES:
        with unpacked(path) as folder:
            for part in stream(folder, columns, chunk):
                yield replace(part, file=str(path))
    else:
        with reading(path):
            yield from read(path, columns, chunk)


def files_of(path: Path | Sequence[Path], reads: str) -> Files | None:
    """The files of a list, or of a folder of sequences or tables; None for a single file, and for folders of others.

    Raises DataError for files of what is read from folders, and for a folder without such files.
    """
    if not isinstance(path, Path):
        if reads in _OF_FILES:
            return Files.of(path)
        for one in path:
            must_exist(one)
        if (other := next((one for one in path if not one.is_dir()), None)) is not None:
            raise DataError(Problem(str(other), "a file in a list of paths", "folders alone, one for each class"))
        return None
    if path.is_dir() and reads in ("sequences", "table"):
        return Files.below(path, FORMATS if reads == "sequences" else OF_TABLES)
    return None


def _read_texts(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """FASTA, SMILES files, or a table with a column of texts."""
    suffix = check_file(path, FORMATS, "records")
    if suffix in FASTA:
        yield from read_fasta(path, columns, chunk)
    elif suffix == SMILES:
        yield from read_smiles(path, columns, chunk)
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
        listed = Listed(path.parent)
        yield from (listed.located(part) for part in _read_texts(path, columns, chunk))


def _media(path: Path | Sequence[Path]) -> Iterator[Records] | None:
    """Images or audio clips that are named one by one; None for a folder, an array, or a table that lists them."""
    paths = [path] if isinstance(path, Path) else [*path]
    if any(one.is_dir() or suffix_of(one) in (*FORMATS, ".npz") for one in paths):
        return None
    files = Files.of(paths)
    names = [*files.names]
    return iter([Records(names, names, line=[*range(1, len(names) + 1)], file=str(files.home))])


def read_all(path: Path | Sequence[Path], columns: Columns, on_error: str, skipped: Skipped) -> Records:
    """A whole file for training, or several. Repeated ids and unknown SET words are refused or skipped.

    Ids that other records have too are told apart by their file, or by the whole header where the first word is not
    enough. The rules of `columns` say where in a name the label is, of what the inputs are mutations, and what
    separates several labels.
    """
    columns = columns.recalled()
    named = "{label}" in (columns.pattern or "")
    records = Records.join(list(stream(path, replace(columns, need_target=columns.need_target and not named))))
    if not isinstance(path, Path):
        path = Path(records.file)
    if not len(records):
        raise DataError(Problem(str(path), "no record", "at least one"))
    records.ids = _told_apart(records)
    if columns.need_target and not named and len(columns.target) > len(records.labels):
        expected = f"columns named {', '.join(columns.target)} (data.target), as CSV, TSV or Parquet have"
        raise DataError(Problem(str(path), "one label per record", expected))
    wrong: dict[int, str] = {}
    if columns.pattern is not None and (columns.trained is None or not any(map(any, records.labels.values()))):
        if columns.reads in _OF_FILES and not records.title and not records.origin:
            expected = "the names of several files, or FASTA headers"
            raise DataError(Problem("data.pattern", f"a pattern for {path.name}, whose rows have no names", expected))
        wrong |= apply_pattern(records, columns.pattern)
    if columns.wild_type is not None:
        wrong |= whole_sequences(records, columns.wild_type, columns.offset)
    if columns.label_separator is not None:
        records.labels = one_column_each(records.labels, columns.label_separator)
    seen: dict[str, int] = {}
    for index, name in enumerate(records.ids):
        if name in seen:
            found = f"found the id {name!r} again (first at {records.location(seen[name])})"
            wrong[index] = f"{found}; expected unique ids (data.id=none numbers the records)"
        seen.setdefault(name, index)
    for index, role in enumerate(records.role):
        if role not in ("", "train", "validation", "test"):
            hint = "expected train, validation or test"
            wrong[index] = f"found the set {role!r}; {hint}"
    if path.is_dir() and columns.need_target and not named and columns.reads not in ("series", "table"):
        for index, label in enumerate(records.labels.get("label", [])):
            if label == "":
                wrong[index] = "found a file outside any class; expected one subfolder per class"
    return without_bad(records, wrong, on_error, skipped)


def one_column_each(labels: dict[str, list[str]], separator: str) -> dict[str, list[str]]:
    """Cells of several labels (`a|b`) as a column of 0 and 1 for each label; an empty cell is not known in any."""
    cells = next(iter(labels.values()), [])
    held = [{name for part in cell.split(separator) if (name := part.strip())} for cell in cells]
    names = sorted(set().union(*held))
    return {name: ["" if not some else str(int(name in some)) for some in held] for name in names}


def _told_apart(records: Records) -> list[str]:
    """The ids, or what tells records of one id apart."""
    ids = records.ids
    if len({*ids}) < len(ids) and len({*records.title}) == len(ids):
        return records.title
    if len({*ids}) < len(ids) and records.origin:
        counts = Counter(ids)
        return [
            f"{PurePosixPath(origin).with_suffix('')}/{name}" if counts[name] > 1 else name
            for name, origin in zip(ids, records.origin)
        ]
    return ids


def wild_type_of(stated: str | None) -> str | None:
    """The wild type of a recipe: the letters themselves, or the first sequence of a FASTA file. Raises DataError."""
    if stated is None or not names_a_file(stated):
        return stated.upper() if stated else None
    return read_all(Path(stated), Columns(need_target=False), "fail", Skipped()).inputs[0].upper()
