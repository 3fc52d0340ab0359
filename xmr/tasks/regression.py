"""A number, or several, per record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.data.readers.numbers import is_labelled, is_number
from xmr.data.records import Records
from xmr.metrics.base import Array
from xmr.metrics.numbers import NumberPredictions
from xmr.tasks.base import SETS, Scale, Table, Task

_LEVELS = (np.arange(101) + 0.5) / 101
_SCORES = ndtri(_LEVELS)  # normal scores of the stored quantiles


@dataclass(frozen=True)
class Regression(Task):
    """Numbers of the columns `names`. Targets: (n, K) float, standardized.

    mean, std: of each column on the training part; targets are standardized with them. quantiles: of each column, when
    targets are brought to normal scores instead (skewed values whose order matters, such as fitness).
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    quantiles: tuple[tuple[float, ...], ...] = ()

    name: ClassVar[str] = "regression"
    several_columns: ClassVar[bool] = True
    probabilistic: ClassVar[bool] = False
    single_target: ClassVar[bool] = True
    figures: ClassVar[tuple[str, ...]] = ("scatter",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns."""
        return self.names

    @classmethod
    def unreadable(cls, label: str, column: str) -> str | None:
        """See `Task.unreadable`."""
        if is_labelled(label) and not is_number(label):
            return f"found {label!r} in {column!r}; expected a finite number"
        return super().unreadable(label, column)

    @classmethod
    def example_labels(
        cls, scores: Sequence[float], second: Sequence[bool], letters: Sequence[str] = ()
    ) -> dict[str, list[str]]:
        """See `Task.example_labels`."""
        return {"label": [f"{score:.4f}" for score in scores]}

    @classmethod
    def fit(cls, records: Records, positive: str | None = None, scale: Scale = "standard") -> Self:
        """See `Task.fit`."""
        columns = tuple(records.labels)
        values = np.array([[float(x) for x in records.labels[name]] for name in columns])
        deviation = np.maximum(values.std(axis=1), 1e-12)
        moments = tuple(values.mean(axis=1).tolist()), tuple(deviation.tolist())
        if scale == "standard":
            return cls(columns, columns[0], *moments)
        quantiles = np.quantile(values, _LEVELS, axis=1).T
        quantiles = np.maximum.accumulate(quantiles + 1e-9 * np.arange(len(_LEVELS)), axis=1)  # strictly rising
        return cls(columns, columns[0], *moments, quantiles=tuple(map(tuple, quantiles.tolist())))

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (n, K) float."""
        values = np.array([[float(x) for x in records.labels[name]] for name in self.names], dtype=np.float64).T
        return torch.from_numpy(self.scaled(values)).float()

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Values (n, K) in their own units -> what a program is trained on."""
        if not self.quantiles:
            return (values - np.array(self.mean)) / np.array(self.std)
        columns = [np.interp(column, q, _SCORES) for column, q in zip(values.T, self.quantiles)]
        return np.stack(columns, axis=1)

    def own_units(self, scaled: np.ndarray) -> np.ndarray:
        """The inverse of `scaled`, (n, K); normal scores beyond the training range continue as straight lines."""
        if not self.quantiles:
            return scaled * np.array(self.std) + np.array(self.mean)
        columns = []
        for column, quantiles in zip(scaled.T, self.quantiles):
            q = np.asarray(quantiles)
            low, high = ((q[i] - q[i - 1]) / (_SCORES[i] - _SCORES[i - 1]) for i in (1, -1))
            inside = np.interp(column, _SCORES, q)
            below, above = np.minimum(column - _SCORES[0], 0) * low, np.maximum(column - _SCORES[-1], 0) * high
            columns.append(inside + below + above)
        return np.stack(columns, axis=1)

    @classmethod
    def loss(cls, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        """Mean squared error of standardized targets; see `Task.loss`."""
        return ((logits - target) ** 2).reshape(len(logits), -1).mean(dim=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """Numbers in their own units; see `Task.probabilities`."""
        exact: Any = {"dtype": torch.float64, "device": logits.device}
        scaled = logits.double()
        if not self.quantiles:
            return (scaled * torch.tensor(self.std, **exact) + torch.tensor(self.mean, **exact)).to(logits.dtype)
        # As `own_units`: the first quantile and what each piece of the line adds, in operations that ONNX has.
        scores, quantiles = torch.tensor(_SCORES, **exact), torch.tensor(self.quantiles, **exact)
        slopes = quantiles.diff(dim=1) / scores.diff()
        pieces = (scaled[..., None] - scores[:-1]).clamp(min=0.0).minimum(scores.diff())
        below = (scaled - scores[0]).clamp(max=0.0) * slopes[:, 0]
        above = (scaled - scores[-1]).clamp(min=0.0) * slopes[:, -1]
        return (quantiles[:, 0] + (pieces * slopes).sum(dim=-1) + below + above).to(logits.dtype)

    def scored(self, values: Array, truth: Array) -> NumberPredictions:
        """The first column, in its own units; see `Task.scored`."""
        return NumberPredictions(values[:, 0], self.own_units(truth)[:, 0])

    @property
    def main_metric(self) -> str:
        """Spearman's rank correlation."""
        return "spearman"

    def table(self, prediction: Prediction) -> Table:
        """The number and its standard deviation."""
        rows = zip(prediction.ids, prediction.values[:, 0], prediction.std[:, 0])
        return ["id", "predicted", "std"], [list(row) for row in rows]

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return header == ["id", "predicted", "std"]

    def nonconformity(self, values: Array, truth: np.ndarray) -> Array:
        """The absolute error of the first column, in its own units; see `Task.nonconformity`."""
        return np.abs(values[:, 0] - self.own_units(truth)[:, 0])

    def within(self, values: Array, limit: float) -> dict[str, list[Any]]:
        """The ends of an interval; see `Task.within`."""
        return {name: [*(values[:, 0] + end)] for name, end in zip(SETS[1:], (-limit, limit))}

    def errors(self, values: Array, truth: np.ndarray) -> tuple[Array, list[tuple[str, str]]] | None:
        """Squared error; see `Task.errors`."""
        own = self.own_units(truth)[:, 0]
        return np.square(values[:, 0] - own), [(f"{a:.4g}", f"{b:.4g}") for a, b in zip(own, values[:, 0])]
