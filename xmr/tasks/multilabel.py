"""Several labels per record, yes or no each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.data.readers.numbers import is_labelled
from xmr.data.records import Records
from xmr.metrics.base import Array, mean_of_defined
from xmr.metrics.classes import ClassPredictions
from xmr.metrics.registry import METRICS
from xmr.tasks.base import Table, Task
from xmr.tasks.classification import combinations, is_probability_header, listed, probability_table
from xmr.tasks.thresholds import best_threshold

LISTED = 6  # labels whose threshold is said
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "positive"), ("0", "0.0", "false", "no", "negative")


@dataclass(frozen=True)
class Multilabel(Task):
    """Which of the labels `names` hold. Targets: (n, K) float, NaN where a label is not known.

    thresholds: the probability of each label from which it is predicted, or a row of them for each record (`by_parts`);
    empty: 0.5 for all.
    """

    thresholds: tuple[Any, ...] = field(default=(), kw_only=True)

    name: ClassVar[str] = "multilabel"
    several_columns: ClassVar[bool] = True
    has_threshold: ClassVar[bool] = True
    per_label: ClassVar[tuple[str, ...]] = ("auroc", "accuracy")
    figures: ClassVar[tuple[str, ...]] = ("label_curves",)

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns."""
        return self.names

    @classmethod
    def unreadable(cls, label: str, column: str) -> str | None:
        """See `Task.unreadable`; an empty label is not known."""
        if not is_labelled(label) or label.casefold() in (*_TRUE, *_FALSE):
            return None
        return f"found {label!r} in {column!r}; expected 0 or 1 (empty: not known)"

    @classmethod
    def strata(cls, records: Records) -> np.ndarray | None:
        """A class for each combination of labels; see `Task.strata`."""
        return combinations(records)

    @classmethod
    def example_labels(
        cls, scores: Sequence[float], second: Sequence[bool], letters: Sequence[str] = ()
    ) -> dict[str, list[str]]:
        """See `Task.example_labels`."""
        middle = float(np.median(scores))
        return {
            "label": ["1" if score > middle else "0" for score in scores],
            "second": ["1" if held else "0" for held in second],
        }

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (n, K) float."""
        table = [[_truth(text) for text in records.labels[name]] for name in self.names]
        return torch.tensor(table, dtype=torch.float32).T.contiguous()

    def counts(self, target: Tensor) -> dict[str, int]:
        """See `Task.counts`."""
        return dict(zip(self.names, (target == 1).sum(dim=0).tolist()))

    @classmethod
    def loss(cls, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        """Binary cross-entropy over the labels that are known; see `Task.loss`."""
        known = ~torch.isnan(target)
        each = F.binary_cross_entropy_with_logits(logits, torch.nan_to_num(target).expand_as(logits), reduction="none")
        return (each * known).reshape(len(logits), -1).sum(dim=1) / known.sum().clamp(min=1)

    def probabilities(self, logits: Tensor) -> Tensor:
        """See `Task.probabilities`."""
        return torch.sigmoid(logits)

    def scored(self, values: Array, truth: Array) -> list[ClassPredictions]:
        """Each label's own yes and no where it is known; see `Task.scored`."""
        found = []
        for value, label, said in zip(values.T, truth.T, self.decide(values).T):
            known = ~np.isnan(label)
            both = np.stack([1 - value[known], value[known]], axis=1)
            decided = said[known].astype(int)
            found.append(ClassPredictions(both, label[known].astype(int), yes_or_no=True, decided=decided))
        return found

    def decide(self, values: Array) -> np.ndarray:
        """Whether each label is predicted, (n, K)."""
        return values >= np.array(self.thresholds or 0.5)

    @property
    def decision(self) -> str:
        """See `Task.decision`."""
        listed = [f"{name} {level:.3f}" for name, level in zip(self.names, self.thresholds)]
        more = f" and {len(listed) - LISTED} more labels" if len(listed) > LISTED else ""
        return f"labels are predicted from these probabilities: {', '.join(listed[:LISTED])}{more}" if listed else ""

    def decided(self, values: Array, target: Tensor, learned: Tensor) -> Self:
        """With a threshold for each label, chosen on held-out records that have it or not (see `best_threshold`)."""
        chosen = []
        for value, label, known in zip(values.T, np.asarray(target).T, np.asarray(learned).T):
            held = ~np.isnan(label)
            usual = float(np.nan_to_num(np.nanmean(known))) if (~np.isnan(known)).any() else 0.0
            found = best_threshold(value[held], label[held] == 1, usual)
            chosen.append(0.5 if found is None else found)
        return replace(self, thresholds=tuple(chosen))

    def by_parts(self, parts: Sequence[Task], counts: Sequence[int]) -> Self:
        """See `Task.by_parts`."""
        rows = [getattr(part, "thresholds", ()) or (0.5,) * self.outputs for part in parts]
        return replace(self, thresholds=tuple(row for row, n in zip(rows, counts) for _ in range(n)))

    def metrics(self, values: Array, target: Tensor | Array, lengths: np.ndarray | None = None) -> dict[str, float]:
        """The mean over labels of each metric, and AUROC and accuracy of every label by name; see `Task.metrics`."""
        each = [METRICS.scores((self.name, self.like), label) for label in self.scored(values, np.asarray(target))]
        result = {name: mean_of_defined([one[name] for one in each]) for name in each[0]}
        for name, one in zip(self.names, each):
            result |= {f"{metric}[{name}]": one[metric] for metric in self.per_label}
        return result

    @property
    def main_metric(self) -> str:
        """The mean AUROC over labels."""
        return "auroc"

    def table(self, prediction: Prediction) -> Table:
        """The labels that hold, joined by |, the probability of each and its standard deviation."""
        held = self.decide(prediction.values)
        chosen = [listed(name for name, yes in zip(self.names, row) if yes) for row in held]
        return probability_table(self.names, chosen, prediction)

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return is_probability_header(header)


def _truth(text: str) -> float:
    return float("nan") if not is_labelled(text) else float(text.casefold() in _TRUE)
