"""Time series of every common format as records: (n, C, L) numbers, NaN where a value is missing or a series has ended.

.ts and .arff go through aeon, which owns these formats; delimited text, Parquet and NumPy are read here, with lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np

from xmr.data.dates import is_date, moment, way_of, ways_of
from xmr.data.readers.arrays import load_arrays
from xmr.data.readers.delimited import DecimalCommas, delimited
from xmr.data.readers.fasta import role_of
from xmr.data.readers.numbers import as_numbers, is_gap, is_number, is_plain
from xmr.data.readers.parquet import open_parquet
from xmr.data.readers.sequences import USUAL, Columns, once
from xmr.data.readers.text import open_text, reading
from xmr.data.records import Records
from xmr.errors import DataError, Problem, nearest, require

TIME = ("time", "timestamp", "timepoint", "t", "step")
FORMATS = (".ts", ".arff", ".tsv", ".csv", ".txt", ".parquet", ".npz", ".npy")
_WHOLE = re.compile(r"-?(0|[1-9][0-9]*)\.0+|-?[0-9]\.[0-9]*[eE][+-]?[0-9]+")
_DATES = re.compile(r"[0-9T:. -]*")
_BY_AEON = (ValueError, OSError, LookupError, TypeError, AttributeError, NameError, ArithmeticError)  # what it raises
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
        with np.errstate(over="ignore"):  # too large for float32 is infinite, which the encoder refuses
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
    parts: list[Records] = []
    for path in ordered:
        with reading(path):
            parts.extend(stream_series(path, columns, chunk))
    yield from _cut(Records.join(parts), chunk)


def _cut(records: Records, chunk: int) -> Iterator[Records]:
    for begin in range(0, len(records), chunk):
        yield records.take(range(begin, min(begin + chunk, len(records))))


def _by_aeon(path: Path, kind: str) -> Records:
    """.ts and .arff, as aeon reads them."""
    datasets = require("aeon.datasets", "series", f"reading {kind} files")
    load = datasets.load_from_ts_file if kind == ".ts" else datasets.load_from_arff_file
    with open_text(path) as handle:
        _as_announced(path, handle, ":" if kind == ".ts" else ",")
    try:
        values, labels = load(str(path))[:2]
    except _BY_AEON as error:
        reason = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise DataError(
            Problem(str(path), f"a file that aeon cannot read ({reason})", f"a whole {kind} file")
        ) from None
    if labels is None or not len(values):
        raise DataError(Problem(str(path), "no labelled series", f"a {kind} file with class labels or targets"))
    return series_records(values, [_plain(label) for label in labels], str(path), part_of(path))


def _as_announced(path: Path, handle: IO[str], mark: str) -> None:
    """What aeon would guess is refused: numbers that `float` takes too generously, time stamps, unlisted classes."""
    classes: set[str] = set()
    begun = False
    for line, text in enumerate(handle, start=1):
        values, _, label = text.strip().rpartition(mark)
        if begun and values and not text.startswith("%"):
            if not is_plain(values):
                raise DataError(Problem(f"{path}:{line}", "values that are no numbers", "ASCII digits, without _"))
            if classes and label.strip().casefold() not in classes:
                expected = "one that @classLabel lists"
                raise DataError(
                    Problem(f"{path}:{line}", f"the label {label.strip()!r}", expected, nearest(label, classes))
                )
        elif not begun:
            words = text.casefold().split()
            begun = words[:1] == ["@data"]
            if words[:2] == ["@classlabel", "true"]:
                classes = {*words[2:]}
            if words[:2] == ["@timestamps", "true"]:
                expected = "values alone, or a CSV file with a row for every time step"
                raise DataError(Problem(f"{path}:{line}", "time stamps beside the values", expected))


def _plain(label: object) -> str:
    """A label as text; 1.0, also as 1.0000000e+00, is the class 1 (UCR files write all three)."""
    text = str(label).strip()
    if isinstance(label, str) and not _WHOLE.fullmatch(text):
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    return str(int(number)) if abs(number) < 1e15 and number == int(number) else text


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
    texts = None if labels is None else [_plain(label) for label in _column(labels, "labels", len(values), path)]
    values = values[:, None] if values.ndim == 2 else values
    records = series_records(values, texts, str(path), part_of(path))
    roles = next((held[name] for name in ("set", "sets", "split") if name in held), None)
    if roles is not None:
        records.role = [role_of(str(role), "") for role in _column(roles, "sets", len(values), path)]
    return records


def _column(held: np.ndarray, what: str, n: int, path: Path) -> np.ndarray:
    """One value for each of n series. Raises DataError for another shape, and for bytes that are not text."""
    if held.shape != (n,):
        raise DataError(Problem(str(path), f"{n} series and {what} of shape {held.shape}", f"{what} of shape ({n},)"))
    try:
        return np.char.decode(held, "utf-8") if held.dtype.kind == "S" else held
    except UnicodeDecodeError as error:
        raise DataError(Problem(str(path), f"{what} that are not text ({error.reason})", "UTF-8 text")) from error


def rows_of(path: Path, kind: str) -> tuple[Iterator[tuple[int, list[str]]], DecimalCommas | None]:
    """(line, fields) of delimited text or Parquet, and its decimal commas where it may have some."""
    if kind == ".parquet":
        return _of_parquet(path), None
    handle = open_text(path)
    if kind != ".csv":
        lines = enumerate(handle, start=1)
        return _until_read(handle, ((line, _fields(path, line, text)) for line, text in lines if text.strip())), None
    rows, commas = delimited(path, handle, ",")
    return _until_read(handle, ((line, row) for line, row in rows if row)), commas


def _until_read(handle: IO[str], rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    with handle:
        yield from rows


def _of_parquet(path: Path) -> Iterator[tuple[int, list[str]]]:
    names, batches = open_parquet(path, 4096)
    yield 1, names
    line = 1
    for batch in batches:
        for fields in zip(*[["" if value is None else str(value) for value in column] for column in batch]):
            line += 1
            yield line, list(fields)


def _fields(path: Path, line: int, text: str) -> list[str]:
    """The fields of a line: between tabs, else between commas, else between blanks."""
    if "\t" in text:
        return text.rstrip("\r\n").split("\t")
    if "," not in text:
        return text.split()
    fields = [field.strip() for field in text.split(",")]
    for field in fields:
        if len(parts := field.split()) > 1 and all(map(_number_like, parts)):
            expected = "fields between commas or between blanks, not both (decimal commas: CSV with semicolons)"
            raise DataError(Problem(f"{path}:{line}", repr(field[:40]), expected))
    return fields


def _is_header(row: list[str]) -> bool:
    """A first row is a header when two fields or more are no numbers."""
    return sum(not _number_like(field) for field in row) >= 2


def _number_like(field: str) -> bool:
    """Whether a field is a number or a gap; an infinite one is refused where it is known whose it is."""
    try:
        as_numbers([field])
    except ValueError:
        return False
    return True


def numbers(fields: list[str], place: str, names: Sequence[str] = ()) -> np.ndarray:
    """Fields as float32; empty, ?, NA are NaN. Raises DataError naming the first field that is no number.

    names: what the fields are called; where they have no names their number is said.
    """
    try:
        return as_numbers(fields, np.float32)
    except ValueError:
        index = next(i for i, field in enumerate(fields) if not _number_like(field))
        called = names[index] if names else f"field {index + 1}"
        expected = "a number" + (f" (or data.skip: [{called}])" if names else "")
        raise DataError(Problem(f"{place}: {called}", repr(fields[index][:40]), expected)) from None


def table_of(rows: list[tuple[int, list[str]]], kept: list[int], path: Path, names: Sequence[str]) -> np.ndarray:
    """The fields `kept` of rows of (line, fields), as (rows, kept) float32. Raises DataError with line and name."""
    try:
        return as_numbers([fields[i] for _, fields in rows for i in kept], np.float32).reshape(-1, len(kept))
    except ValueError:  # all at once is fast; line by line names the place
        return np.stack([numbers([fields[i] for i in kept], f"{path}:{line}", names) for line, fields in rows])


def _tabular(path: Path, kind: str, columns: Columns, chunk: int) -> Iterator[Records]:
    """Wide (a series a row) or long (a time step a row: the header has a time column) delimited text."""
    rows, commas = rows_of(path, kind)
    first = next(rows, None)
    if first is None:
        raise DataError(Problem(str(path), "an empty file", "series"))
    header = [name.strip() for name in first[1]]
    if _is_header(header if commas is None else DecimalCommas(path).points(1, header)):
        once(header, f"{path}:{first[0]}")
        columns = columns.within(header)
        if commas is not None:
            texts = {
                _where(header, getattr(columns, role), role, f"{path}:1", False) for role in ("id", "set", "group")
            }
            rows = commas.over(rows, texts)
        folded = [name.casefold() for name in header]
        time = columns.time or next((header[folded.index(name)] for name in TIME if name in folded), None)
        if time is not None:
            yield from _cut(_long(path, header, time, rows, columns).noted(commas), chunk)
        else:
            yield from (part.noted(commas) for part in _wide(path, header, rows, columns, chunk))
        return
    rows = chain([first], rows)
    if commas is not None:
        rows = commas.over(rows, ())
    yield from (part.noted(commas) for part in _headless(path, rows, columns, chunk))


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
        values = table_of(part, kept, path, called)[:, None]
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
    names = [fields[name].strip() for _, fields in everything]
    if not names:
        raise DataError(Problem(str(path), "a header and no rows", "a row for every time step"))
    begun = {whole: number for number, whole in enumerate(dict.fromkeys(names))}  # series in the order they begin
    rank = np.array([begun[whole] for whole in names])
    texts = [fields[clock].strip() for _, fields in everything]
    when = _times(texts, path, lines)
    order = np.lexsort((when, rank))
    again = np.flatnonzero((np.diff(rank[order]) == 0) & (when[order][1:] == when[order][:-1]))
    if len(again):
        one, other = (order[again[0] + step] for step in (0, 1))
        found = f"{time} {texts[other]!r} of {names[other]!r} again (first on line {lines[one]})"
        raise DataError(Problem(f"{path}:{lines[other]}", found, "each time of a series once"))
    flat = table_of(everything, kept, path, [header[i] for i in kept])
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
    """Numbers or dates, as something to sort by. Raises DataError where one is missing or is written otherwise."""
    clock: np.ndarray | None = None
    wrong = next((index for index, text in enumerate(texts) if is_gap(text)), None)
    if wrong is None:
        clock, wrong = _clock(texts)
    if wrong is not None:
        expected = "numbers, or dates all written in one way (2020-12-31)"
        raise DataError(Problem(f"{path}:{lines[wrong]}: time", repr(texts[wrong]), expected))
    assert clock is not None
    return clock


def _clock(texts: list[str]) -> tuple[np.ndarray | None, int | None]:
    """Times as something to sort by, or the index of the first that does not fit."""
    try:
        clock = as_numbers(texts)
    except ValueError:
        pass
    else:
        endless = np.flatnonzero(np.isinf(clock))
        return clock, int(endless[0]) if len(endless) else None
    if _DATES.fullmatch("".join(texts)):  # NumPy would also take `now`
        with suppress(ValueError):
            return np.array(texts, dtype="datetime64[us]"), None
    if way := way_of(texts):
        return np.array([moment(text, way) for text in texts], dtype="datetime64[us]"), None
    usual = ways_of(texts[:1])
    fits = is_number if is_number(texts[0]) else lambda text: any(is_date(text, way) for way in usual)
    return None, next((i for i, text in enumerate(texts) if not fits(text)), 0)


def bundled(name: str) -> Records:
    """A UCR set that comes inside aeon, both parts with their roles. Raises MissingExtraError without aeon."""
    require("aeon", "series", f"the data set {name}")
    folder = Path(str(files("aeon.datasets").joinpath("data", name)))
    parts = [_by_aeon(folder / f"{name}_{part}.ts", ".ts") for part in ("TRAIN", "TEST")]
    return Records.join(parts)
