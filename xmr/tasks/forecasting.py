"""The next steps of a time series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.data.records import Records
from xmr.metrics.base import Array
from xmr.metrics.numbers import NumberPredictions
from xmr.tasks.base import Scale, Table, Task


@dataclass(frozen=True)
class Forecasting(Task):
    """The z-scored values of the steps `names`. Targets: (n, K) float, NaN where a value is missing.

    There are no labels: the future of a window stands behind it in the same row of `Records.arrays`.
    """

    name: ClassVar[str] = "forecasting"
    predicts: ClassVar[Literal["record", "position", "future", "hidden"]] = "future"
    has_labels: ClassVar[bool] = False
    probabilistic: ClassVar[bool] = False
    one_answer: ClassVar[bool] = False
    independent: ClassVar[bool] = False  # windows overlap
    default_output: ClassVar[str] = "forecast"
    figures: ClassVar[tuple[str, ...]] = ("error_by_step",)

    @classmethod
    def steps(cls, horizon: int) -> Self:
        """The next `horizon` steps."""
        return cls(tuple(f"t+{step}" for step in range(1, horizon + 1)))

    @classmethod
    def fit(cls, records: Records, positive: str | None = None, scale: Scale = "standard") -> Self:
        """Records do not say how many steps are asked for: use `steps`."""
        raise ValueError("forecasting has no labels: Forecasting.steps")

    @classmethod
    def example_labels(
        cls, scores: Sequence[float], second: Sequence[bool], letters: Sequence[str] = ()
    ) -> dict[str, list[str]]:
        """See `Task.example_labels`: none."""
        return {}

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (n, K) float."""
        assert records.arrays is not None
        return torch.from_numpy(np.ascontiguousarray(records.arrays[:, 0, -self.outputs :]))

    @classmethod
    def loss(cls, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        """Mean squared error of the steps that are known; see `Task.loss`."""
        known = ~torch.isnan(target)
        each = torch.where(known, logits - torch.nan_to_num(target), 0.0) ** 2
        return each.reshape(len(logits), -1).sum(dim=1) / known.sum().clamp(min=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Values in z-scores; see `Task.probabilities`."""
        return logits

    def scored(self, values: Array, truth: Array) -> NumberPredictions:
        """All windows, channels and steps, in z-scores; see `Task.scored`."""
        return NumberPredictions(values, truth)

    @property
    def main_metric(self) -> str:
        """Mean squared error."""
        return "mse"

    def table(self, prediction: Prediction) -> Table:
        """A column per step."""
        return ["id", *self.names], [[name, *values] for name, values in zip(prediction.ids, prediction.values)]

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return len(header) > 1 and header == ["id", *cls.steps(len(header) - 1).names]
