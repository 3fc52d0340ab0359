"""Windows of a time-series table: every channel on its own, scaled by the statistics of the training rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le

from xmr.core.kinds import SignalSet, SignalSpec
from xmr.core.prediction import Prediction
from xmr.data.columns import Columns
from xmr.data.public.catalog import dataset
from xmr.data.public.location import locate
from xmr.data.readers.time_series import (
    TimeTable,
    read_time_table,
    steps_in_memory,
    steps_in_words,
    table_of,
    windows,
)
from xmr.data.records import Records, Skipped
from xmr.data.settings import DataSettings
from xmr.data.splits import Split, amount
from xmr.encoders.base import Encoder
from xmr.encoders.state import numbers, texts
from xmr.errors import DataError, Problem, nearest
from xmr.prepare import Prepared, as_paths, check_paths
from xmr.tasks.base import Scale, Task, task_class
from xmr.tasks.forecasting import Forecasting

FURTHEST = 1e9  # standard deviations from the mean: beyond, single precision overflows in the source


class ForecastEncoder(Encoder):
    """The last `context_length` steps of one channel, z-scored by that channel's mean and standard deviation in
    training.

    Records hold z-scored windows (`windows`): input and future are in the units in which the field reports MSE and
    MAE. Channels are independent: one program for all.

    Args:
        context_length: number of past steps in the input.
        horizon: number of steps to forecast.
        stride: number of rows between windows of training and validation; test windows begin at every row.
        season: steps after which the series repeats (24 for hours), for the seasonal-naive baseline.
        missing: a missing value is an error, or is replaced by the previous value (before a channel's first value: the
            training mean); missing future values are neither trained on nor scored.
    """

    emits: ClassVar[str] = "signal"
    reads: ClassVar[str] = "time-series table"
    labelled: ClassVar[bool] = False

    def __init__(
        self,
        context_length: Annotated[int, Ge(2), Le(100_000)] = 336,
        horizon: Annotated[int, Ge(1), Le(100_000)] = 96,
        stride: Annotated[int, Ge(1)] = 1,
        season: Annotated[int, Ge(1)] = 24,
        missing: Literal["fail", "carry"] = "fail",
    ) -> None:
        self.missing = missing
        self.context_length, self.horizon, self.stride, self.season = context_length, horizon, stride, season
        self.names: list[str] = []
        self.mean: list[float] = []
        self.std: list[float] = []
        self.notes: list[str] = []

    @property
    def spec(self) -> SignalSpec:
        """One channel of `context_length` steps."""
        return SignalSpec(1, self.context_length)

    def prepare(self, settings: DataSettings, task: str, seed: int) -> Prepared:
        """A time-series table, split as the recipe says; the statistics come from the training rows only."""
        check_paths(settings)
        time = settings.time
        if settings.dataset is not None:
            chosen = dataset(settings.dataset)
            path, time = locate(chosen), time or str(chosen.columns.get("time"))
        else:
            path = as_paths(settings.path)[0]
        columns = Columns(time=time, skip=tuple(settings.ignore_columns))
        if settings.held is not None:
            table = table_of(settings.held, columns, settings.rows)
        else:
            table = read_time_table(path, columns, settings.rows)
        if settings.split.by != "time":
            by = repr(settings.split.by)
            raise DataError(Problem("data.split.by", by, "time: a future cannot be sampled at random"))
        rows = len(table.values)
        test = amount(settings.split.test, rows)
        validation = amount(settings.split.validation, rows - test)
        borders = [0, rows - test - validation, rows - test, rows]
        if borders[1] < self.context_length + self.horizon:
            found = f"{max(0, borders[1])} training rows of {rows}, {validation} of validation and {test} of test"
            expected = f"at least {self.context_length + self.horizon} for one window and its forecast"
            raise DataError(Problem(str(path), found, expected))
        scaled = self.fit_rows(table.rows(0, borders[1])).scaled(table)
        parts = [
            windows(scaled, self.context_length, self.horizon, begin, end, 1 if end == rows else self.stride)
            for begin, end in pairwise(borders)
            if end > begin
        ]
        for part in parts:
            if part.arrays is None or np.isnan(part.arrays[:, :, self.context_length :]).all():
                raise DataError(part.problem(0, "found no value from here on; expected some for training or testing"))
        sizes = [0, *np.cumsum([len(part) for part in parts])]
        index = [np.arange(a, b) for a, b in pairwise(sizes)]
        none = np.zeros(0, dtype=np.int64)
        how = f"by time: {borders[1]}, {validation} and {test} rows"
        split = Split(index[0], index[1] if len(parts) == 3 else none, index[-1], how)
        digest = hashlib.sha256(np.ascontiguousarray(table.values).tobytes()).hexdigest()
        return Prepared(Records.join(parts), split, Skipped(), rows, 0, 0, digest, columns)

    def fit_rows(self, table: TimeTable) -> Self:
        """Statistics of each channel from the training rows. Raises DataError for a channel that never changes."""
        self._refuse_gaps(table)
        self.names = list(table.names)
        known = ~np.isnan(table.values)
        steps = steps_in_words(table.times)
        self.notes = [*table.notes, *([f"steps: {steps}"] if steps else [])]
        if not known.all():
            self.notes.append(f"missing: {(~known).sum():,} of {known.size:,} values, replaced by the previous value")
        count = np.maximum(known.sum(axis=0), 1)
        values = np.where(known, table.values, 0).astype(np.float64)
        mean = values.sum(axis=0) / count
        self.mean = mean.tolist()
        self.std = np.sqrt((np.square(values - mean) * known).sum(axis=0) / count).tolist()
        flat = [name for name, std in zip(self.names, self.std) if std < 1e-12]
        if flat:
            raise DataError(Problem(f"{table.file}: {flat[0]}", "a channel that never changes", "channels that vary"))
        return self

    def scaled(self, table: TimeTable) -> TimeTable:
        """The table as z-scores. Raises DataError unless its channels are the training's."""
        missing = [name for name in self.names if name not in table.names]
        if missing:
            found = f"columns {', '.join(table.names[:12])}"
            raise DataError(
                Problem(f"{table.file}:1", found, f"a column {missing[0]!r}", nearest(missing[0], table.names))
            )
        self._refuse_gaps(table)
        order = [table.names.index(name) for name in self.names]
        values = (table.values[:, order] - np.array(self.mean)) / np.array(self.std)
        if (far := np.argwhere(np.abs(values) > FURTHEST)).size:
            row, channel = far[0]
            found = (
                f"{table.values[row, order[channel]]:g}, {values[row, channel]:.1g} standard deviations from the mean"
            )
            expected = f"values within {FURTHEST:.0e} of those of the training rows, or an empty cell"
            raise DataError(Problem(f"{table.file}:{table.lines[row]}: {self.names[channel]}", found, expected))
        return replace(table, values=values.astype(np.float32), names=tuple(self.names))

    def describe(self) -> list[str]:
        """How far apart the training rows are, and what they miss."""
        return self.notes

    def _refuse_gaps(self, table: TimeTable) -> None:
        """Unless the recipe says what to do with them. Raises DataError with the line of the first."""
        if self.missing == "fail" and (gaps := np.argwhere(np.isnan(table.values))).size:
            row, channel = gaps[0]
            expected = f"a number, or encoder.missing: carry ({len(gaps):,} missing)"
            raise DataError(
                Problem(f"{table.file}:{table.lines[row]}: {table.names[channel]}", "a missing value", expected)
            )

    def latest(self, table: TimeTable) -> Records:
        """The last window of every channel, with nothing behind it, z-scored: (C, 1, context_length)."""
        if len(table.values) < self.context_length:
            raise DataError(
                Problem(table.file, f"{len(table.values)} rows", f"at least {self.context_length} to look back")
            )
        return windows(self.scaled(table), self.context_length, 0, len(table.values), len(table.values))

    def read(self, path: Path, columns: Columns, on_error: str, skipped: Skipped) -> Records:
        """Every window of a table, z-scored by the training rows."""
        table = read_time_table(path, columns)
        records = windows(self.scaled(table), self.context_length, self.horizon, 0, len(table.values))
        return replace(records, notes=table.notes)

    def stream(self, path: Path | Sequence[Path], columns: Columns, chunk: int) -> Iterator[Records]:
        """The last window of every channel at once, by the time of the first step to come and the channel's name."""
        if not isinstance(path, Path):
            raise DataError(Problem(str(path[0]), f"{len(path)} files", "one: a forecast follows one table"))
        table = read_time_table(path, columns)
        records = self.latest(table)
        steps = steps_in_words(table.times).partition(";")[0]
        when = f"the {self.horizon} steps after {table.times[-1]}{f', {steps}' if steps else ''}"
        yield replace(records, notes=(*table.notes, when))

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """The steps of a frame or series with its time as a column or index, or of an array (time, channels)."""
        return steps_in_memory(X)

    def to_predict(self, X: Any, trained: Columns) -> Records:
        """The last window of every channel."""
        return self.latest(table_of(steps_in_memory(X), Columns(trained=trained, features=tuple(self.names))))

    def columns_for(self, wanted: Columns, task: Task) -> Columns:
        """The training channels; the input of a file is its time."""
        return replace(wanted, time=wanted.input, features=tuple(self.names))

    def targets(
        self,
        task: str,
        records: Records,
        positive: str | None = None,
        scale: Scale = "standard",
    ) -> Task:
        """The next steps."""
        return Forecasting.steps(self.horizon)

    def to_original_units(self, prediction: Prediction, records: Records) -> Prediction:
        """From z-scores to the table's units; records: windows, whose `group` is the channel."""
        channel = [self.names.index(name) for name in records.group]
        mean, std = np.array(self.mean)[channel][:, None], np.array(self.std)[channel][:, None]
        return replace(prediction, values=prediction.values * std + mean, std=prediction.std * std)

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Windows are checked when the table is read."""
        if records.arrays is None or records.arrays.shape[2] < self.context_length:
            return dict.fromkeys(
                range(len(records)), f"found no window; expected {self.context_length} steps of a channel"
            )
        return {}

    def fit(self, records: Records) -> Self:
        """See `fit_rows`: overlapping windows would count inner rows more than outer ones."""
        return self

    def encode(self, records: Records) -> SignalSet:
        """What is seen of each window. Raises DataError for what `check` would have named."""
        self.require_valid(records)
        assert records.arrays is not None
        seen = records.arrays[:, :, : self.context_length]
        return SignalSet(seen, np.full(len(seen), self.context_length))

    def state(self) -> dict[str, Any]:
        """See `Encoder.state`."""
        return {"names": self.names, "mean": self.mean, "std": self.std}

    def restore(self, state: dict[str, Any]) -> Self:
        """See `Encoder.restore`."""
        self.names = list(texts(state, "names"))
        self.mean, self.std = (numbers(state, key, len(self.names)) for key in ("mean", "std"))
        return self

    def example(self, n: int, seed: int, task: str = "forecasting") -> Records:
        """Windows of two noisy waves over time."""
        steps = self.context_length + self.horizon + -(-n // 2)
        clock = np.arange(steps)
        rng = np.random.default_rng(seed)
        values = np.stack([np.sin(clock / 5), np.cos(clock / 9)], axis=1) + 0.1 * rng.standard_normal((steps, 2))
        table = TimeTable(values.astype(np.float32), ("a", "b"), [str(i) for i in clock], "<example>", clock.tolist())
        self.fit_rows(table)
        made = windows(table, self.context_length, self.horizon, 0, steps).take(range(n))
        scores = rng.standard_normal(n).tolist()
        return replace(made, labels=task_class(task).example_labels(scores, [score > 1 for score in scores]))

    def canonical(self, records: Records) -> list[str]:
        """Where each window's future begins."""
        return records.ids
