"""Time series of every common format as records: (n, C, L) numbers, NaN where a value is missing or a series has ended.

.ts and .arff go through aeon, which owns these formats; delimited text, Parquet and NumPy are read here, with lines.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path

import numpy as np

from xmr.data.arrays import load_arrays
from xmr.data.dates import is_date, moment, way_of, ways_of
from xmr.data.delimiter import delimited, with_points
from xmr.data.fasta import open_text, role_of
from xmr.data.records import Records
from xmr.data.tables import USUAL, Columns
from xmr.errors import DataError, Problem, nearest, require

TIME = ("time", "timestamp", "timepoint", "t", "step")
FORMATS = (".ts", ".arff", ".tsv", ".csv", ".txt", ".parquet", ".npz", ".npy")
_MISSING = frozenset({"", "?", "na", "nan", "null", "none"})
_VALUES = ("series", "values", "X", "x", "data")
_LABELS = ("labels", "label", "y", "Y", "target", "targets")


def series_records(
    values: Iterable[np.ndarray] | np.ndarray,
    labels: list[str] | dict[str, list[str]] | None,
    file: str,
    role: str = "",
    lines: list[int] | None = None,
    ids: list[str] | None = None,
) -> Records:
    """Series (C, L_i), or one array (n, C, L), as records; shorter ones are followed by NaN. labels: also by name."""
    stacked = _stacked(values)
    n = len(stacked)
    numbers = lines or list(range(1, n + 1))
    return Records(
        ids or [f"{role or 'series'}-{number}" for number in numbers],
        [hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest()[:24] for row in stacked],
        {"label": labels} if isinstance(labels, list) else labels or {},
        [role] * n if role else [],
        line=numbers,
        file=file,
        arrays=stacked,
    )


def _stacked(values: Iterable[np.ndarray] | np.ndarray) -> np.ndarray:
    """(n, C, L) float32, NaN behind the end of each series."""
    if isinstance(values, np.ndarray) and values.dtype != object:
        return values.astype(np.float32, copy=False)
    rows = [np.asarray(row, dtype=np.float32) for row in values]
    channels = max((row.shape[0] for row in rows), default=1)
    made = np.full((len(rows), channels, max((row.shape[1] for row in rows), default=0)), np.nan, np.float32)
    for place, row in zip(made, rows):
        place[: row.shape[0], : row.shape[1]] = row
    return made


def stream_series(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records of a file in chunks, or of a folder with NAME_TRAIN and NAME_TEST files.

    Raises DataError: missing, empty, of no known format, or broken at a line.
    """
    if path.is_dir():
        yield from _folder(path, columns, chunk)
        return
    if not path.is_file():
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise DataError(Problem(str(path), "no such file", "a file of series", nearest(path.name, siblings)))
    if path.stat().st_size == 0:
        raise DataError(Problem(str(path), "an empty file", "series"))
    kind = format_of(path)
    if kind in (".ts", ".arff"):
        yield from _cut(_by_aeon(path, kind), chunk)
    elif kind in (".npz", ".npy"):
        yield from _cut(_arrays(path, columns), chunk)
    else:
        yield from _tabular(path, kind, columns, chunk)


def format_of(path: Path) -> str:
    """The suffix that names the format, before a `.gz`. Raises DataError for one that is not read."""
    suffix = (Path(path.stem).suffix if path.suffix == ".gz" else path.suffix).lower()
    if suffix not in FORMATS:
        found = f"a file ending in {suffix or 'nothing'!r}"
        raise DataError(Problem(str(path), found, f"one of {', '.join(FORMATS)} (or .gz)"))
    return suffix


def part_of(path: Path) -> str:
    """`train` or `test` where a file's name ends in _TRAIN or _TEST, as in the UCR archive; else nothing."""
    stem = path.name.split(".")[0].upper()
    return "train" if stem.endswith("_TRAIN") else "test" if stem.endswith("_TEST") else ""


def _folder(folder: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Every file of series in a folder; the name of each says its part."""
    found = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".") and part_of(p)]
    if not found:
        expected = "files named NAME_TRAIN and NAME_TEST (.ts, .tsv, .arff, ...)"
        raise DataError(Problem(str(folder), "none", expected))
    ordered = sorted(found, key=part_of, reverse=True)  # train first
    yield from _cut(Records.join([part for path in ordered for part in stream_series(path, columns, chunk)]), chunk)


def _cut(records: Records, chunk: int) -> Iterator[Records]:
    for begin in range(0, len(records), chunk):
        yield records.take(range(begin, min(begin + chunk, len(records))))


def _by_aeon(path: Path, kind: str) -> Records:
    """.ts and .arff, as aeon reads them."""
    datasets = require("aeon.datasets", "series", f"reading {kind} files")
    load = datasets.load_from_ts_file if kind == ".ts" else datasets.load_from_arff_file
    try:
        values, labels = load(str(path))[:2]
    except Exception as error:  # aeon raises many kinds for a broken file
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise DataError(
            Problem(str(path), f"a file that aeon cannot read ({reason})", f"a whole {kind} file")
        ) from None
    if labels is None or not len(values):
        raise DataError(Problem(str(path), "no labelled series", f"a {kind} file with class labels or targets"))
    return series_records(values, [_plain(label) for label in labels], str(path), part_of(path))


def _plain(label: object) -> str:
    """A label as text; 1.0 is the class 1 (UCR files write both)."""
    text = str(label).strip()
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if number == int(number) and abs(number) < 1e15 else text


def _arrays(path: Path, columns: Columns) -> Records:
    """.npz with `series` (n, L) or (n, C, L), `labels`, perhaps `set`; .npy with the series alone."""
    held = load_arrays(path)
    values = next((held[name] for name in _VALUES if name in held), None)
    labels = next((held[name] for name in _LABELS if name in held), None)
    if values is None or (labels is None and columns.need_target):
        raise DataError(Problem(str(path), f"arrays {', '.join(held)}", "arrays `series` and `labels`"))
    if values.dtype.kind not in "fiu" or values.ndim not in (2, 3):
        found = f"series of type {values.dtype} and shape {values.shape}"
        raise DataError(Problem(str(path), found, "numbers of shape (n, length) or (n, channels, length)"))
    if labels is not None and len(labels) != len(values):
        raise DataError(Problem(str(path), f"{len(values)} series and {len(labels)} labels", "as many of both"))
    values = values[:, None] if values.ndim == 2 else values
    records = series_records(values, None if labels is None else [_plain(x) for x in labels], str(path), part_of(path))
    roles = next((held[name] for name in ("set", "sets", "split") if name in held), None)
    if roles is not None:
        records.role = [role_of(str(role), "") for role in roles]
    return records


def rows_of(path: Path, kind: str) -> Iterator[tuple[int, list[str]]]:
    """(line, fields) of delimited text or Parquet."""
    if kind == ".parquet":
        parquet = require("pyarrow.parquet", "parquet", "reading Parquet")
        file = parquet.ParquetFile(path)
        yield 1, list(file.schema_arrow.names)
        line = 1
        for batch in file.iter_batches(batch_size=4096):
            columns = [
                ["" if value is None else str(value) for value in column.to_pylist()] for column in batch.columns
            ]
            for fields in zip(*columns):
                line += 1
                yield line, list(fields)
        return
    with open_text(path) as handle:
        if kind == ".csv":
            rows, commas = delimited(handle, ",")
            try:
                for row in rows:
                    if row:
                        yield rows.line_num, with_points(row) if commas else row
            except csv.Error as error:
                raise DataError(Problem(f"{path}:{rows.line_num}", str(error), "well-formed quoting")) from error
            return
        for line, text in enumerate(handle, start=1):
            if text.strip():
                yield line, text.rstrip("\r\n").split("\t") if "\t" in text else text.replace(",", " ").split()


def _is_header(row: list[str]) -> bool:
    """A first row is a header when two fields or more are no numbers."""
    return sum(not _number_like(field) for field in row) >= 2


def _number_like(field: str) -> bool:
    if field.strip().casefold() in _MISSING:
        return True
    try:
        float(field)
    except ValueError:
        return False
    return True


def numbers(fields: list[str], place: str, names: Sequence[str] = ()) -> np.ndarray:
    """Fields as float32; empty, ?, NA are NaN. Raises DataError naming the first field that is no number.

    names: what the fields are called; where they have no names their number is said.
    """
    try:
        return np.array(fields, dtype=np.float32)
    except ValueError:
        cleaned = ["nan" if field.strip().casefold() in _MISSING else field for field in fields]
    try:
        return np.array(cleaned, dtype=np.float32)
    except ValueError:
        index = next(i for i, field in enumerate(cleaned) if not _number_like(field))
        called = names[index] if names else f"field {index + 1}"
        expected = "a number" + (f" (or data.skip: [{called}])" if names else "")
        raise DataError(Problem(f"{place}: {called}", repr(fields[index][:40]), expected)) from None


def _tabular(path: Path, kind: str, columns: Columns, chunk: int) -> Iterator[Records]:
    """Wide (a series a row) or long (a time step a row: the header has a time column) delimited text."""
    rows = rows_of(path, kind)
    first = next(rows, None)
    if first is None:
        raise DataError(Problem(str(path), "an empty file", "series"))
    header = [name.strip() for name in first[1]]
    if _is_header(header):
        columns = columns.within(header)
        folded = [name.casefold() for name in header]
        time = columns.time or next((header[folded.index(name)] for name in TIME if name in folded), None)
        if time is not None:
            yield from _cut(_long(path, header, time, rows, columns), chunk)
        else:
            yield from _wide(path, header, rows, columns, chunk)
        return
    yield from _headless(path, chain([first], rows), columns, chunk)


def _headless(path: Path, rows: Iterator[tuple[int, list[str]]], columns: Columns, chunk: int) -> Iterator[Records]:
    """UCR's own form: the label in the first column, then the series; without labels every field is a value."""
    start = 1 if columns.need_target or part_of(path) else 0
    while part := list(islice(rows, chunk)):
        labels = [_plain(fields[0]) for _, fields in part] if start else None
        values = [numbers(fields[start:], f"{path}:{line}")[None] for line, fields in part]
        yield series_records(values, labels, str(path), part_of(path), [line for line, _ in part])


def _where(header: list[str], wanted: str | None, role: str, place: str, needed: bool) -> int | None:
    """The index of a column by its given or usual name."""
    if wanted is not None:
        if wanted not in header:
            expected = f"a column {wanted!r} (data.{role})"
            raise DataError(Problem(place, f"columns {', '.join(header[:12])}", expected, nearest(wanted, header)))
        return header.index(wanted)
    folded = [name.casefold() for name in header]
    found = next((folded.index(name) for name in USUAL[role] if name in folded), None)
    if found is None and needed:
        expected = f"a column named {' or '.join(USUAL[role][:3])}, or its name in data.{role}"
        raise DataError(Problem(place, f"columns {', '.join(header[:12])}", expected))
    return found


def _targets(header: list[str], columns: Columns, place: str) -> dict[str, int]:
    """The index of each label column by its name; of a file that needs no labels those it has."""
    wanted = [name for name in columns.target if name in header or columns.need_target]
    if not wanted:
        usual = _where(header, None, "target", place, columns.need_target)
        return {} if usual is None else {header[usual]: usual}
    places = [_where(header, name, "target", place, True) for name in wanted]
    return {name: index for name, index in zip(wanted, places) if index is not None}


def _wide(
    path: Path, header: list[str], rows: Iterator[tuple[int, list[str]]], columns: Columns, chunk: int
) -> Iterator[Records]:
    place = f"{path}:1"
    targets = _targets(header, columns, place)
    name, role = _where(header, columns.id, "id", place, False), _where(header, columns.set, "set", place, False)
    whose = _where(header, columns.group, "group", place, False)
    skip = columns.skipped(header, place)
    kept = [i for i in range(len(header)) if i not in (*targets.values(), name, role, whose, *skip)]
    if not kept:
        raise DataError(Problem(place, f"columns {', '.join(header)}", "columns of values beside the label"))
    called = [header[i] for i in kept]
    while part := list(islice(rows, chunk)):
        for line, fields in part:
            if len(fields) != len(header):
                raise DataError(Problem(f"{path}:{line}", f"{len(fields)} fields", f"{len(header)} as in the header"))
        values = [numbers([fields[i] for i in kept], f"{path}:{line}", called)[None] for line, fields in part]
        records = series_records(
            values,
            {label: [_plain(fields[index]) for _, fields in part] for label, index in targets.items()},
            str(path),
            "",
            [line for line, _ in part],
            None if name is None else [fields[name].strip() for _, fields in part],
        )
        if role is not None:
            records.role = [role_of(fields[role].strip(), "") for _, fields in part]
        if whose is not None:
            records.group = [fields[whose].strip() for _, fields in part]
        yield records


def _long(path: Path, header: list[str], time: str, rows: Iterator[tuple[int, list[str]]], columns: Columns) -> Records:
    """One row a time step: rows of one id are one series, in the order of time; the other columns are channels."""
    place = f"{path}:1"
    if time not in header:
        raise DataError(Problem(place, f"columns {', '.join(header)}", f"a column {time!r} (data.time)"))
    name = _where(header, columns.id, "id", place, True)
    targets = _targets(header, columns, place)
    role = _where(header, columns.set, "set", place, False)
    whose = _where(header, columns.group, "group", place, False)
    clock = header.index(time)
    skip = columns.skipped(header, place)
    kept = [i for i in range(len(header)) if i not in (name, clock, *targets.values(), role, whose, *skip)]
    if columns.input is not None:
        kept = [header.index(columns.input)] if columns.input in header else []
    if not kept:
        raise DataError(Problem(place, f"columns {', '.join(header)}", "columns of values beside id, time and label"))
    everything = list(rows)
    lines = np.array([line for line, _ in everything])
    for line, fields in everything:
        if len(fields) != len(header):
            raise DataError(Problem(f"{path}:{line}", f"{len(fields)} fields", f"{len(header)} as in the header"))
    assert name is not None
    names = np.array([fields[name].strip() for _, fields in everything])
    _, start, owner = np.unique(names, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(start))[owner]  # series in the order they begin
    when = _times([fields[clock] for _, fields in everything], path, lines)
    order = np.lexsort((when, rank))
    try:
        flat = numbers([fields[i] for _, fields in everything for i in kept], str(path)).reshape(-1, len(kept))
    except DataError:  # all at once is fast; line by line names the place
        for line, fields in everything:
            numbers([fields[i] for i in kept], f"{path}:{line}", [header[i] for i in kept])
        raise
    ends = np.cumsum(np.bincount(rank))
    groups = np.split(order, ends[:-1])
    labels: dict[str, list[str]] = {}
    for label, index in targets.items():
        labels[label] = []
        for group in groups:
            said = [_plain(everything[i][1][index]) for i in group]
            other = next((i for i, text in zip(group, said) if text != said[0]), None)
            if other is not None:
                found = f"the labels {said[0]!r} and {_plain(everything[other][1][index])!r} in {names[other]!r}"
                raise DataError(Problem(f"{path}:{lines[other]}", found, "one label a series"))
            labels[label].append(said[0])
    records = series_records(
        [flat[group].T for group in groups],
        labels,
        str(path),
        "",
        [int(lines[group].min()) for group in groups],
        [str(names[group[0]]) for group in groups],
    )
    if role is not None:
        records.role = [role_of(everything[group[0]][1][role].strip(), "") for group in groups]
    if whose is not None:
        records.group = [everything[group[0]][1][whose].strip() for group in groups]
    return records


def _times(texts: list[str], path: Path, lines: np.ndarray) -> np.ndarray:
    """Numbers or dates, as something to sort by."""
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        pass
    try:
        return np.array(texts, dtype="datetime64[ns]")
    except ValueError:
        if way := way_of(texts):
            return np.array([moment(text, way) for text in texts], dtype="datetime64[us]")
        usual = ways_of(texts[:1])
        index = next((i for i, text in enumerate(texts) if not any(is_date(text, way) for way in usual)), 0)
        expected = "numbers, or dates all written in one way (2020-12-31)"
        raise DataError(Problem(f"{path}:{lines[index]}: time", repr(texts[index]), expected)) from None


def bundled(name: str) -> Records:
    """A UCR set that comes inside aeon, both parts with their roles. Raises MissingExtraError without aeon."""
    require("aeon", "series", f"the data set {name}")
    folder = Path(str(files("aeon.datasets").joinpath("data", name)))
    parts = [_by_aeon(folder / f"{name}_{part}.ts", ".ts") for part in ("TRAIN", "TEST")]
    return Records.join(parts)
