"""Time series of every common format as records: (n, C, L) numbers, NaN where a value is missing or a series has ended.

.ts and .arff go through aeon, which owns these formats; delimited text, Parquet and NumPy are read here, with lines.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path
from typing import IO

import numpy as np

from xmr.core.arrays import load_arrays
from xmr.data.columns import USUAL, ColumnIndex, Columns, find_column
from xmr.data.dates import instant, is_date, offsets, offsets_in_words, way_of, ways_of
from xmr.data.readers.numbers import as_numbers, is_gap, is_number, is_plain
from xmr.data.readers.parts import role_of
from xmr.data.readers.paths import check_file
from xmr.data.readers.rows import COLUMNAR, Block, Rows, facts_of, open_rows
from xmr.data.readers.text import open_text, reading
from xmr.data.records import Records
from xmr.errors import DataError, Problem, nearest, require

TIME = ("time", "timestamp", "timepoint", "t", "step")
FORMATS = (".ts", ".arff", ".npz", ".npy", *COLUMNAR)
MAX_STEPS = 10_000_000  # samples of a resampled series
_PART = re.compile(r"_(TRAIN|TEST)$", re.IGNORECASE)
UNEVEN, LONGEST_GAP = 0.01, 3  # relative difference of steps of time that counts; steps beyond which a gap is missing
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


def read_series(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records of a file in chunks, or of a folder with NAME_TRAIN and NAME_TEST files.

    Raises DataError: missing, empty, of no known format, or broken at a line.
    """
    if path.is_dir():
        yield from _folder(path, columns, chunk)
        return
    kind = check_file(path, FORMATS, "series")
    if kind in (".ts", ".arff"):
        yield from _cut(_by_aeon(path, kind), chunk)
    elif kind in (".npz", ".npy"):
        yield from _cut(_arrays(path, columns), chunk)
    else:
        with open_rows(path, "series") as rows:
            yield from (part.noted(rows) for part in _by_rows(rows, columns, chunk))


def part_of(path: Path) -> str:
    """`train` or `test` where a file's name ends in _TRAIN or _TEST, as in the UCR archive; else nothing."""
    stem = path.name.split(".")[0].upper()
    return "train" if stem.endswith("_TRAIN") else "test" if stem.endswith("_TEST") else ""


def _folder(folder: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """The files NAME_TRAIN and NAME_TEST of a folder; the name of each says its part.

    Archives hold the same data in several formats side by side, and each channel of it alone: of those that have both
    parts, the first format of `FORMATS` is read, and the name with which all others begin.
    """
    found = [p for p in sorted(folder.iterdir()) if p.is_file() and not p.name.startswith(".") and part_of(p)]
    if not found:
        expected = (
            "files named NAME_TRAIN and NAME_TEST (.ts, .tsv, .arff, ...), or one table of all series, "
            "a row for each time step with the columns id, time and label"
        )
        raise DataError(Problem(str(folder), "a folder without NAME_TRAIN and NAME_TEST", expected))
    kinds = {kind: [p for p in found if p.suffix.lower() == kind] for kind in FORMATS}
    whole = [kind for kind, paths in kinds.items() if {"train", "test"} <= {*map(part_of, paths)}]
    read = kinds[whole[0]] if whole else found
    names = {_PART.sub("", path.name.split(".")[0]) for path in read}
    shortest = min(names, key=len)
    if all(name.startswith(shortest) for name in names):
        read = [path for path in read if _PART.sub("", path.name.split(".")[0]) == shortest]
    parts: list[Records] = []
    for path in sorted(read, key=part_of, reverse=True):  # train first
        with reading(path):
            parts.extend(read_series(path, columns, chunk))
    joined = Records.join(parts)
    if len(read) < len(found):
        passed = f"{len(found) - len(read)} other files of the same data"
        joined = replace(joined, notes=(*joined.notes, f"read {' and '.join(p.name for p in read)}, not the {passed}"))
    yield from _cut(joined, chunk)


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
                raise DataError(Problem(f"{path}:{line}", "values that are not numbers", "ASCII digits, without _"))
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
                raise DataError(Problem(f"{path}:{line}", "time stamps with the values", expected))


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


def _is_header(row: list[str]) -> bool:
    """A first row is a header if at least two fields are not numbers."""
    return sum(not _number_like(field) for field in row) >= 2


def _number_like(field: str) -> bool:
    """Whether a field is a number or a gap; an infinite one is refused where it is known whose it is."""
    try:
        as_numbers([field])
    except ValueError:
        return False
    return True


def numbers(fields: Sequence[str], place: str, names: Sequence[str] = ()) -> np.ndarray:
    """Fields as float32; empty, ?, NA are NaN. Raises DataError naming the first field that is not a number.

    names: of the fields, for messages; without names, their numbers are given.
    """
    try:
        return as_numbers(fields, np.float32)
    except ValueError:
        index = next(i for i, field in enumerate(fields) if not _number_like(field))
        called = names[index] if names else f"field {index + 1}"
        hint = f" (or data.ignore_columns: [{called}])" if names else ""
        if "," in fields[index]:
            hint = " (decimal commas: CSV with semicolons)"
        expected = f"a number{hint}"
        raise DataError(Problem(f"{place}: {called}", repr(fields[index][:40]), expected)) from None


def numbers_of(block: Block, kept: list[int], path: Path, names: Sequence[str]) -> np.ndarray:
    """The columns `kept` as (rows, kept) float32. Raises DataError with line and name."""
    columns = [block.columns[at] for at in kept]
    try:
        return as_numbers(list(chain.from_iterable(zip(*columns))), np.float32).reshape(-1, len(kept))
    except ValueError:  # all at once is fast; line by line names the place
        return np.stack([numbers(row, f"{path}:{line}", names) for line, row in zip(block.lines, zip(*columns))])


def _by_rows(rows: Rows, columns: Columns, chunk: int) -> Iterator[Records]:
    """Wide rows (one series per row) or long ones (one time step per row: the header has a column of time)."""
    if not rows.stated and not _is_header(rows.peek(1)[0][1]):
        yield from _headless(rows, columns, chunk)
        return
    header = rows.take_header()
    columns = columns.recalled().within(header)
    index = ColumnIndex.of(header, columns, rows.place)
    clock = find_column(header, columns.time, "time", rows.place, TIME)
    if clock is None:
        yield from _wide(rows, index, chunk)
    else:
        yield from _cut(_long(rows, columns, index, clock), chunk)


def _headless(rows: Rows, columns: Columns, chunk: int) -> Iterator[Records]:
    """UCR's own form: the label in the first column, then the series; without labels every cell is a value."""
    path, start = rows.path, 1 if columns.need_target or part_of(rows.path) else 0
    cells = ((line, row if rows.commas is None else rows.commas.points(line, row)) for line, row in rows.rows)
    while part := list(islice(cells, chunk)):
        labels = [_plain(row[0]) for _, row in part] if start else None
        values = [numbers(row[start:], f"{path}:{line}")[None] for line, row in part]
        yield series_records(values, labels, str(path), part_of(path), [line for line, _ in part])


def _wide(rows: Rows, index: ColumnIndex, chunk: int) -> Iterator[Records]:
    kept = index.others(rows.header)
    if not kept:
        raise DataError(Problem(rows.place, _listed(rows.header), "columns of values besides the label"))
    names = [rows.header[at] for at in kept]
    for block in rows.blocks(chunk, texts={index.id, index.set, index.group}):
        yield _records(numbers_of(block, kept, rows.path, names)[:, None], block, index, rows.path)


def _long(rows: Rows, columns: Columns, index: ColumnIndex, clock: int) -> Records:
    """One row per time step: rows of one id are one series, in the order of time; the other columns are channels."""
    header, path = rows.header, rows.path
    if index.id is None:
        find_column(header, None, "id", rows.place, USUAL["id"], needed=True)
    kept = index.others(header, clock)
    if columns.input is not None:
        kept = [at for at in kept if header[at] == columns.input]
    if not kept:
        raise DataError(Problem(rows.place, _listed(header), "columns of values besides id, time and label"))
    steps = next(rows.blocks(None, texts={index.id, index.set, index.group}), None)
    if steps is None:
        raise DataError(Problem(str(path), "a header and no rows", "a row for every time step"))
    assert index.id is not None
    names, times, lines = steps.column(index.id), steps.column(clock), np.array(steps.lines)
    begun = {name: number for number, name in enumerate(dict.fromkeys(names))}  # series in the order they begin
    rank = np.array([begun[name] for name in names])
    when = _times(times, path, lines)
    order = np.lexsort((when, rank))
    again = np.flatnonzero((np.diff(rank[order]) == 0) & (when[order][1:] == when[order][:-1]))
    if len(again):
        one, other = (order[again[0] + step] for step in (0, 1))
        found = f"{header[clock]} {times[other]!r} of {names[other]!r} again (first on line {lines[one]})"
        raise DataError(Problem(f"{path}:{lines[other]}", found, "each time of a series once"))
    values = numbers_of(steps, kept, path, [header[at] for at in kept])
    groups = np.split(order, np.cumsum(np.bincount(rank))[:-1])
    for at in index.targets.values():
        labels = [_plain(label) for label in steps.column(at)]
        for group in groups:
            other = next((i for i in group if labels[i] != labels[group[0]]), None)
            if other is not None:
                found = f"the labels {labels[group[0]]!r} and {labels[other]!r} in {names[other]!r}"
                raise DataError(Problem(f"{path}:{lines[other]}", found, "one label per series"))
    starts = [group[0] for group in groups]
    facts = [[column[at] for at in starts] for column in steps.columns]
    first = Block([int(lines[group].min()) for group in groups], facts)
    seconds = when if when.dtype.kind == "f" else (when - when.min()) / np.timedelta64(1, "s")
    series, note = _evenly(seconds, values, groups, columns.time_step)
    said = "" if when.dtype.kind == "f" else offsets_in_words(times)
    return replace(_records(series, first, index, path), notes=tuple(filter(None, (said, note))))


def _evenly(
    clock: np.ndarray, values: np.ndarray, groups: list[np.ndarray], step: float | None
) -> tuple[list[np.ndarray], str]:
    """The series (C, L) of rows in the order of time, and what is to be said of the steps between them.

    clock: (rows,) numbers, seconds of dates; values: (rows, C); groups: the rows of each series. step: values are
    interpolated linearly to steps of this length, and stay missing in gaps of more than three steps.
    """
    if step is not None:
        made = [_at_steps(clock[group], values[group], step) for group in groups]
        return made, f"resampled to steps of {step:g} (linear; gaps of more than {LONGEST_GAP} steps stay missing)"
    steps = np.concatenate([np.diff(clock[group]) for group in groups])
    usual = float(np.median(steps)) if len(steps) else 0.0
    odd = int((np.abs(steps - usual) > UNEVEN * usual).sum())
    said = f"{odd:,} of {len(steps):,} steps of time differ from the usual {usual:g}: rows count as evenly spaced"
    return [values[group].T for group in groups], f"{said} (data.time_step: {usual:g} resamples them)" if odd else ""


def _at_steps(clock: np.ndarray, values: np.ndarray, step: float) -> np.ndarray:
    """Values (L, C) at increasing times (L,) -> (C, L') at even steps from the first time to the last."""
    count = int(np.floor((clock[-1] - clock[0]) / step + 1e-6)) + 1
    if count > MAX_STEPS:
        expected = f"steps that give at most {MAX_STEPS:,} samples"
        raise DataError(Problem("data.time_step", f"{step:g} over {clock[-1] - clock[0]:g}", expected))
    times = clock[0] + step * np.arange(count)
    made = np.full((values.shape[1], count), np.nan, np.float32)
    for row, channel in zip(made, values.T):
        known = np.flatnonzero(~np.isnan(channel))
        if not len(known):
            continue
        behind = np.searchsorted(clock[known], times + 1e-9 * step, side="right")
        left, right = clock[known[(behind - 1).clip(0)]], clock[known[behind.clip(max=len(known) - 1)]]
        near = (right - left <= LONGEST_GAP * step * (1 + UNEVEN)) & (behind > 0)
        near &= times <= clock[known[-1]] + 1e-9 * step
        row[near] = np.interp(times[near], clock[known], channel[known])
    return made


def _records(values: np.ndarray | list[np.ndarray], block: Block, index: ColumnIndex, path: Path) -> Records:
    """Series, and what the other columns of their rows say."""
    facts = facts_of(block, index, "series-")
    labels = {name: [_plain(label) for label in column] for name, column in facts["labels"].items()}
    records = series_records(values, labels, str(path), "", facts["line"], facts["ids"])
    return replace(records, role=facts["role"], group=facts["group"])


def _listed(header: list[str]) -> str:
    return f"columns {', '.join(header[:12])}"


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
    if _DATES.fullmatch("".join(texts)) and offsets(texts) == ["none"]:  # NumPy would also take `now`
        with suppress(ValueError):
            return np.array(texts, dtype="datetime64[us]"), None
    if way := way_of(texts):
        return np.array([instant(text, way) for text in texts], dtype="datetime64[us]"), None
    usual = ways_of(texts[:1])
    fits = is_number if is_number(texts[0]) else lambda text: any(is_date(text, way) for way in usual)
    return None, next((i for i, text in enumerate(texts) if not fits(text)), 0)


def bundled(name: str) -> Records:
    """A UCR set that comes inside aeon, both parts with their roles. Raises MissingExtraError without aeon."""
    require("aeon", "series", f"the data set {name}")
    folder = Path(str(files("aeon.datasets").joinpath("data", name)))
    parts = [_by_aeon(folder / f"{name}_{part}.ts", ".ts") for part in ("TRAIN", "TEST")]
    return Records.join(parts)
