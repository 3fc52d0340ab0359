"""A table of channels over time, and its windows: what is seen, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import numpy as np

from xmr.data.columns import Columns, check_unique, find_column
from xmr.data.dates import ISO, instant, offsets_in_words, span, way_of, ways_of
from xmr.data.readers.numbers import as_numbers, is_gap
from xmr.data.readers.rows import Rows, open_rows
from xmr.data.readers.series import numbers_of
from xmr.data.readers.tables import SEPARATOR
from xmr.data.readers.text import reading
from xmr.data.readers.values import as_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem

CHUNK = 4096  # rows turned into numbers at once
_BEGIN = datetime(1970, 1, 1)
LAST = 200  # times by which the usual step is told
TIME = ("date", "time", "datetime", "timestamp", "ds")


@dataclass(frozen=True)
class TimeTable:
    """values: (T, C) float32, one row a time step, NaN where a value is missing; names: the channels; times: the text
    of each step; file, and the line of each step in it; notes: rules that acted while it was read."""

    values: np.ndarray
    names: tuple[str, ...]
    times: list[str]
    file: str
    lines: list[int]
    notes: tuple[str, ...] = ()

    def rows(self, begin: int, end: int) -> TimeTable:
        """A stretch of it."""
        part = slice(begin, end)
        return replace(self, values=self.values[part], times=self.times[part], lines=self.lines[part])


def read_time_table(path: Path, columns: Columns, most: int | None = None) -> TimeTable:
    """CSV, TSV or Parquet with a header: a column of time (in order), the others are channels.

    Raises DataError with the line of a value that is infinite or not a number, or of a time that is not in order.
    """
    with reading(path), open_rows(path, "a table of channels over time") as rows:
        return _table(rows, columns, most)


def steps_in_memory(X: Any) -> Records:
    """A frame, a series, or an array (time,) or (time, channels), as a record per step: its cells, as text.

    An index that does not count from 0 is the column of time, unless there is one of a usual name. Raises ValueError
    for another shape or type, DataError for a name that two columns have.
    """
    if hasattr(X, "to_frame") and not hasattr(X, "columns"):
        X = X.to_frame(X.name or "value")
    if hasattr(X, "columns"):
        columns = {str(name): X[name].to_list() for name in X.columns}
        check_unique([str(name) for name in X.columns], "<frame>")
        index = getattr(X, "index", None)
        if index is not None and index.to_list() != [*range(len(X))] and not {*map(str.casefold, columns)} & {*TIME}:
            index = index.to_timestamp() if hasattr(index, "to_timestamp") else index  # months are their first days
            columns = {TIME[1]: index.to_list(), **columns}
    else:
        values = np.asarray(X)
        if values.ndim not in (1, 2) or values.dtype.kind not in "fiu":
            raise ValueError(f"found an array of shape {values.shape}; expected numbers (time,) or (time, channels)")
        rows = values.reshape(len(values), -1)
        names = ["value"] if values.ndim == 1 else [f"channel {number}" for number in range(1, rows.shape[1] + 1)]
        columns = dict(zip(names, rows.T.tolist()))
    cells = [[*map(as_text, column)] for column in columns.values()]
    return replace(Records.of([*map(SEPARATOR.join, zip(*cells))]), columns=tuple(columns))


def table_of(steps: Records, columns: Columns, most: int | None = None) -> TimeTable:
    """`steps_in_memory` as a table; without a column of time its steps are 0, 1, 2, ... Raises as `read_time_table`."""
    rows = zip(steps.line, (text.split(SEPARATOR) for text in steps.inputs))
    return _table(Rows(Path(steps.file), rows, [*steps.columns]), columns, most, counted=True)


def _table(rows: Rows, columns: Columns, most: int | None, counted: bool = False) -> TimeTable:
    path, header = rows.path, rows.take_header()
    check_unique(header, rows.place)
    columns = columns.within(header)
    clock = find_column(header, columns.time, "time", rows.place, TIME, needed=not counted)
    for name in columns.features:
        find_column(header, name, None, rows.place)
    ignored = {clock, *(find_column(header, name, "skip", rows.place) for name in columns.skip)}
    kept = [at for at, name in enumerate(header) if at not in ignored and name in (columns.features or header)]
    if not kept:
        raise DataError(Problem(rows.place, f"columns {', '.join(header[:12])}", "a channel besides the time"))
    channels = [header[at] for at in kept]
    times: list[str] = []
    lines: list[int] = []
    values: list[np.ndarray] = []
    rows.rows = islice(rows.rows, most)
    for block in rows.blocks(CHUNK):
        moments = [str(line - 1) for line in block.lines] if clock is None else block.column(clock)
        gap = next((at for at, time in enumerate(moments) if is_gap(time)), None)
        if gap is not None and clock is not None:
            place = f"{path}:{block.lines[gap]}: {header[clock]}"
            raise DataError(Problem(place, repr(block.columns[clock][gap]), "a time in every row"))
        found = numbers_of(block, kept, path, channels)
        if len(endless := np.argwhere(np.isinf(found))):
            row, channel = endless[0]
            raise DataError(Problem(f"{path}:{block.lines[row]}: {channels[channel]}", "an infinite value", "a number"))
        times.extend(moments)
        lines.extend(block.lines)
        values.append(found)
    mixed = "" if clock is None else offsets_in_words(times)
    if (back := _goes_back(times, bool(mixed))) is not None:
        order = f"{'time' if clock is None else header[clock]} {times[back]!r} after {times[back - 1]!r}"
        expected = "times in order: numbers, or dates (2020-12-31)"
        if times[back] in times[:back]:
            expected = "each time once, with a column for each of several series (in pandas: frame.pivot)"
        raise DataError(Problem(f"{path}:{lines[back]}", order, expected))
    if not times:
        raise DataError(Problem(str(path), "a header and no rows", "a row for every time step"))
    notes = (rows.note, mixed)
    return TimeTable(np.concatenate(values), tuple(channels), times, str(path), lines, tuple(filter(None, notes)))


def steps_in_words(times: list[str]) -> str:
    """How far apart most steps are, and how many are further: rows that are not there, which windows do not see."""
    try:
        clock, dated = as_numbers(times), False
    except ValueError:
        way = way_of(times)
        if way is None:
            return ""
        clock, dated = np.array([(instant(time, way) - _BEGIN).total_seconds() for time in times]), True
    gaps = np.diff(clock)
    if not len(gaps):
        return ""
    usual = float(np.median(gaps))
    step = span(timedelta(seconds=usual)) if dated else f"{usual:g}"
    longer = int((gaps > 1.5 * usual).sum())
    return f"{step} apart" + (f"; {longer:,} of {len(gaps):,} are longer (windows count rows)" if longer else "")


def next_time(times: list[str]) -> str:
    """The time of the row to come, written as the others are; `after` the last where steps are months or unclear."""
    unclear = f"after {times[-1]}"
    try:
        clock = as_numbers(times)
        return f"{clock[-1] + np.median(np.diff(clock)):g}" if len(clock) > 1 else unclear
    except ValueError:
        way = way_of(times)
    if way is None or len(times) < 2:
        return unclear
    stamps = [instant(time, way) for time in times[-LAST:]]
    step = sorted(later - sooner for sooner, later in pairwise(stamps))[(len(stamps) - 1) // 2]
    if step >= timedelta(days=28):
        return unclear
    last = times[-1]
    if way != ISO:
        return (stamps[-1] + step).strftime(way)
    to_come = datetime.fromisoformat(last) + step
    written = to_come.isoformat(sep=" " if " " in last else "T")
    written = written.replace("+00:00", "Z") if last.endswith("Z") else written
    return written if ":" in last else written[:10] if to_come.time() == datetime.min.time() else unclear


def _goes_back(times: list[str], mixed: bool) -> int | None:
    """The first row whose time does not come after the one before it, in the reading that gets furthest: numbers by
    value, ISO 8601 of one UTC offset and other texts by their letters, all other dates by their instants.

    mixed: whether UTC offsets differ.
    """
    try:
        return _unordered(as_numbers(times).tolist())
    except ValueError:
        places = [] if mixed else [_unordered(times)]
    for way in ways_of(times) if places != [None] else []:
        places.append(_unordered([instant(time, way) for time in times]))
    places = places or [_unordered(times)]
    return None if None in places else max(place for place in places if place is not None)


def _unordered(times: Sequence[Any]) -> int | None:
    """The first of them that is not greater than the one before it."""
    return next((later for later, (one, other) in enumerate(pairwise(times), 1) if not one < other), None)


def windows(table: TimeTable, context_length: int, horizon: int, begin: int, end: int, stride: int = 1) -> Records:
    """Each channel of each window whose steps to come lie in rows begin to end: (n, 1, context_length + horizon).

    The look-back may reach before `begin`; what is missing in it is the value before, what is missing to come stays
    NaN. `group` says the channel, ids the time at which the future starts.
    """
    starts = np.arange(max(0, begin - context_length), end - context_length - horizon + 1, stride)
    if not len(starts):
        found = f"{end - max(0, begin - context_length)} rows for a part"
        raise DataError(Problem(table.file, found, f"at least {context_length + horizon} (context_length + horizon)"))
    length = context_length + horizon
    view = np.lib.stride_tricks.sliding_window_view(table.values, length, axis=0)[starts]
    if np.isnan(table.values).any():
        seen = np.lib.stride_tricks.sliding_window_view(carried(table.values), length, axis=0)[starts]
        view = np.concatenate([seen[:, :, :context_length], view[:, :, context_length:]], axis=2)
    n, channels = len(starts), len(table.names)
    names = list(table.names) * n
    beyond = table.lines[-1] + 1  # where the row to come would stand
    first = np.repeat(np.array([*table.lines, beyond])[starts + context_length], channels)
    times = [*table.times, next_time(table.times)]
    return Records(
        [f"{times[start + context_length]} {name}" for start in starts for name in table.names],
        names,
        {},
        line=first.tolist(),
        file=table.file,
        arrays=view.reshape(n * channels, 1, length),
        group=names,
    )


def carried(values: np.ndarray) -> np.ndarray:
    """Each NaN of (T, C) as the last number before it in its column, or zero where there is none."""
    row = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    return np.nan_to_num(np.take_along_axis(values, np.maximum.accumulate(row, axis=0), axis=0))
