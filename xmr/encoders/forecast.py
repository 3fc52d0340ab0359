"""Windows of a table over time: every channel on its own, seen by the statistics of the training rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le

from xmr.core.kinds import SignalSet, SignalSpec
from xmr.data.readers.time_series import TimeTable, steps_in_words, windows
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.encoders.state import numbers, texts
from xmr.errors import DataError, Problem, nearest
from xmr.tasks.base import task_class

FURTHEST = 1e9  # standard deviations from the mean: beyond, single precision overflows in the source


class ForecastEncoder(Encoder):
    """The last `context_length` steps of one channel, z-scored by that channel's mean and deviation in training.

    Records hold z-scored windows (`windows`): what a program sees and what follows are in the units in which MSE and
    MAE are stated in the field. Channels are independent: one program for all.

    Args:
        context_length: steps seen.
        horizon: steps forecast.
        stride: windows of training and validation begin at every so many rows, those of the test part at every row.
        season: steps after which the series repeats (24 for hours), for the seasonal-naive baseline.
        missing: a missing value is an error, or is seen as the value before it (the training mean before a channel's
            first) and, where it is to come, neither learned from nor scored.
    """

    emits: ClassVar[str] = "signal"
    reads: ClassVar[str] = "table over time"

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
        self.said: list[str] = []

    @property
    def spec(self) -> SignalSpec:
        """One channel of `context_length` steps."""
        return SignalSpec(1, self.context_length)

    def fit_rows(self, table: TimeTable) -> Self:
        """Statistics of each channel from the training rows. Raises DataError for a channel that never changes."""
        self._refuse_gaps(table)
        self.names = list(table.names)
        known = ~np.isnan(table.values)
        steps = steps_in_words(table.times)
        self.said = [*table.notes, *([f"steps: {steps}"] if steps else [])]
        if not known.all():
            self.said.append(f"missing: {(~known).sum():,} of {known.size:,} values, seen as the value before")
        count = np.maximum(known.sum(axis=0), 1)
        values = np.where(known, table.values, 0).astype(np.float64)
        mean = values.sum(axis=0) / count
        self.mean = mean.tolist()
        self.std = np.sqrt((np.square(values - mean) * known).sum(axis=0) / count).tolist()
        flat = [name for name, spread in zip(self.names, self.std) if spread < 1e-12]
        if flat:
            raise DataError(Problem(f"{table.file}: {flat[0]}", "a channel that never changes", "channels that vary"))
        return self

    def scaled(self, table: TimeTable) -> TimeTable:
        """The table in deviations from the training mean. Raises DataError unless its channels are the training's."""
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
        return self.said

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

    def own_units(self, values: np.ndarray, channels: list[str], spread: bool = False) -> np.ndarray:
        """z-scores (n, H) of these channels in the table's units; `spread`: deviations, without the mean."""
        place = [self.names.index(name) for name in channels]
        shift = 0 if spread else np.array(self.mean)[place][:, None]
        return values * np.array(self.std)[place][:, None] + shift

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
