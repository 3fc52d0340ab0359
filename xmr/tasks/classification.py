"""One of several classes per record."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.data.readers.numbers import is_number
from xmr.data.records import Records
from xmr.errors import DataError, Problem, nearest, one_of
from xmr.metrics.base import Array
from xmr.metrics.classes import ClassPredictions
from xmr.tasks.base import IGNORE, SETS, Combine, Scale, Table, Task
from xmr.tasks.calibration import best_temperature
from xmr.tasks.thresholds import best_threshold

SURE = 1e-6  # a sum of weights above which programs are weighted


@dataclass(frozen=True)
class Classification(Task):
    """One of the classes `names`. Targets: (n,) int64.

    positive: the class of interest of a binary task, where one is stated. threshold: the probability of the positive
    class from which a binary task predicts it, or one for each record (`by_parts`). temperature: what logits are
    divided by before the softmax. combine: the programs of an ensemble by the mean of their probabilities, or weighted
    by how sure each one is.
    """

    positive: str = ""
    threshold: float | tuple[float, ...] = field(default=0.5, kw_only=True)
    temperature: float = field(default=1.0, kw_only=True)
    combine: Combine = field(default="mean", kw_only=True)

    name: ClassVar[str] = "classification"
    classes: ClassVar[bool] = True
    single_target: ClassVar[bool] = True
    has_threshold: ClassVar[bool] = True
    figures: ClassVar[tuple[str, ...]] = ("confusion", "reliability", "binary_curves")

    @property
    def positive_class(self) -> int:
        """The class a binary task's AUROC, average precision and curves are about; the last unless stated."""
        return self.names.index(self.positive) if self.positive in self.names else len(self.names) - 1

    @classmethod
    def check_split(cls, records: Records, train: np.ndarray) -> None:
        """Two classes at least in training, and fewer than records: else the label column is another one."""
        column, labels = next(iter(records.labels.items()))
        classes = len(set(labels))
        if len(labels) >= 20 and classes > 0.9 * len(labels):
            found = f"{classes} different labels in {len(labels)} records (column {column!r})"
            raise DataError(Problem("data.target", found, "a column of classes, or task: regression"))
        if len({labels[i] for i in train}) < 2:
            raise DataError(Problem("data.target", "only one class in the training part", "at least two"))

    @classmethod
    def strata(cls, records: Records) -> np.ndarray | None:
        """See `Task.strata`."""
        return combinations(records)

    @classmethod
    def fit(cls, records: Records, positive: str | None = None, scale: Scale = "standard") -> Self:
        """See `Task.fit`. Raises DataError when `positive` is not one of the classes."""
        column, labels = next(iter(records.labels.items()))
        found = cls.classes_of(labels)
        if positive is not None and positive not in found:
            raise DataError(one_of("data.positive", positive, found))
        return cls(tuple(sorted(found, key=_natural)), column, positive or "")

    @classmethod
    def classes_of(cls, labels: list[str]) -> set[str]:
        """The distinct classes of some labels."""
        return set(labels)

    def check(self, records: Records) -> dict[int, str]:
        """See `Task.check`."""
        wrong: dict[int, str] = {}
        known = set(self.names)
        for index, label in enumerate(records.labels[self.column]):
            strange = self.classes_of([label]) - known
            if strange:
                one = sorted(strange)[0]
                close = nearest(one, known)
                hint = f" (nearest: {close})" if close else ""
                wrong[index] = f"found the label {one!r}; expected one that training has: {', '.join(self.names)}{hint}"
        return wrong

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (n,) int64."""
        number = {name: index for index, name in enumerate(self.names)}
        return torch.tensor([number[label] for label in records.labels[self.column]], dtype=torch.long)

    def counts(self, target: Tensor) -> dict[str, int]:
        """See `Task.counts`."""
        found = torch.bincount(target[target != IGNORE].reshape(-1), minlength=self.outputs)
        return dict(zip(self.names, found.tolist()))

    def class_weights(self, target: Tensor) -> Tensor | None:
        """n / (K n_t); a class without examples has weight zero."""
        counts = torch.bincount(target[target != IGNORE].reshape(-1), minlength=self.outputs).float()
        return torch.where(counts > 0, counts.sum() / (self.outputs * counts.clamp(min=1)), 0.0)

    @classmethod
    def loss(cls, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        """Cross-entropy; see `Task.loss`."""
        flat = logits.reshape(len(logits), -1, logits.shape[-1])
        labels = target.reshape(-1)
        # One call for all programs: mean over each program's rows, weighted and without the ignored ones.
        each = F.cross_entropy(
            flat.transpose(1, 2),
            labels.expand(len(logits), -1),
            weight=weights,
            ignore_index=IGNORE,
            label_smoothing=smoothing,
            reduction="none",
        )
        scored = (labels != IGNORE).float()
        mass = scored if weights is None else scored * weights[labels.clamp(min=0)]
        return each.sum(dim=1) / mass.sum().clamp(min=1e-12)

    def probabilities(self, logits: Tensor) -> Tensor:
        """See `Task.probabilities`."""
        return torch.softmax(logits / self.temperature, dim=-1)

    def combined(self, each: Tensor) -> Tensor:
        """See `Task.combined`. By entropy: sum_n w_n p_n / sum_n w_n, w_n = log K - H(p_n), or the mean where all are
        zero. Source: the fusion of DGA, CVPR 2026.
        """
        if self.combine == "mean":
            return super().combined(each)
        entropy = -(each * each.clamp(min=1e-12).log()).sum(dim=-1, keepdim=True)
        weight = (math.log(each.shape[-1]) - entropy).clamp(min=0)
        total = weight.sum(dim=0)
        return torch.where(total > SURE, (weight * each).sum(dim=0) / total.clamp(min=SURE), each.mean(dim=0))

    def combining(self, rule: Combine) -> Self:
        """See `Task.combining`."""
        return replace(self, combine=rule)

    def scored(self, values: Array, truth: Array) -> ClassPredictions:
        """Of the records, or positions, that are not ignored; see `Task.scored`."""
        known = truth != IGNORE
        return ClassPredictions(values[known], truth[known], self.positive_class, decided=self.decide(values[known]))

    def decide(self, values: Array) -> np.ndarray:
        """The predicted class of each record, (n,): the most likely; of two, the positive one from `threshold`."""
        level = np.array(self.threshold)
        if self.outputs != 2 or (level == 0.5).all():
            return values.argmax(axis=1)
        one = self.positive_class
        return np.where(values[:, one] >= level, one, 1 - one)

    @property
    def decision(self) -> str:
        """See `Task.decision`."""
        said = [] if self.temperature == 1 else [f"logits are divided by a temperature of {self.temperature:.2f}"]
        if self.outputs == 2 and isinstance(self.threshold, float) and self.threshold != 0.5:
            positive = self.names[self.positive_class]
            said.append(f"{positive} is predicted from a probability of {self.threshold:.3f}")
        return "; ".join(said)

    def decided(self, values: Array, target: Tensor, learned: Tensor) -> Self:
        """With a threshold chosen on held-out records (see `best_threshold`); unchanged for more than two classes."""
        one = self.positive_class
        if self.outputs != 2:
            return self
        usual = float((learned == one).float().mean())
        found = best_threshold(values[:, one], np.asarray(target) == one, usual)
        return self if found is None else replace(self, threshold=found)

    def by_parts(self, parts: Sequence[Task], counts: Sequence[int]) -> Self:
        """See `Task.by_parts`."""
        levels = [getattr(part, "threshold", 0.5) for part in parts]
        return replace(self, threshold=levels[0] if len({*levels}) == 1 else tuple(np.repeat(levels, counts).tolist()))

    def calibrated(self, each: Array, target: Tensor) -> Self:
        """With the temperature that suits held-out records best (see `best_temperature`)."""
        return replace(self, temperature=best_temperature(each, target.numpy(), self.combined))

    @property
    def main_metric(self) -> str:
        """AUROC of two classes, accuracy of more."""
        return "auroc" if len(self.names) <= 2 else "accuracy"

    def table(self, prediction: Prediction) -> Table:
        """The predicted class, the probability of each and its standard deviation."""
        chosen = [self.names[i] for i in self.decide(prediction.values)]
        return probability_table(self.names, chosen, prediction)

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return is_probability_header(header)

    def nonconformity(self, values: Array, truth: np.ndarray) -> Array:
        """One less the probability of the true class; see `Task.nonconformity`."""
        return 1 - values[np.arange(len(truth)), truth]

    def within(self, values: Array, limit: float) -> dict[str, list[Any]]:
        """Every class whose probability is at least 1 - limit, and the most likely one; see `Task.within`."""
        inside = (1 - values <= limit) | (np.arange(values.shape[1]) == values.argmax(axis=1)[:, None])
        names = np.array(self.names, dtype=object)
        return {SETS[0]: [listed(names[row]) for row in inside]}

    def errors(self, values: Array, truth: np.ndarray) -> tuple[Array, list[tuple[str, str]]] | None:
        """Negative log-likelihood; see `Task.errors`."""
        chosen = self.decide(values)
        loss = -np.log(values[np.arange(len(values)), truth].clip(1e-9))
        sure = values[np.arange(len(values)), chosen]
        texts = [(self.names[a], f"{self.names[b]} ({p:.2f})") for a, b, p in zip(truth, chosen, sure)]
        return np.where(chosen == truth, -np.inf, loss), texts


def listed(names: Iterable[str]) -> str:
    """Names of classes joined by |, with a backslash before a | or a backslash that belongs to a name."""
    return "|".join(re.sub(r"([\\|])", r"\\\1", name) for name in names)


def combinations(records: Records) -> np.ndarray:
    """A number for each combination of labels that occurs, (n,)."""
    rows = list(zip(*records.labels.values()))
    number = {row: index for index, row in enumerate(sorted(set(rows)))}
    return np.array([number[row] for row in rows])


def probability_table(names: tuple[str, ...], chosen: list[str], prediction: Prediction) -> Table:
    """Header and rows: what was chosen, the probability of each name and its standard deviation."""
    header = ["id", "predicted", *(f"p[{name}]" for name in names), *(f"std[{name}]" for name in names)]
    rows = zip(prediction.ids, chosen, prediction.values, prediction.std)
    return header, [[name, best, *values, *std] for name, best, values, std in rows]


def is_probability_header(header: list[str]) -> bool:
    """Whether this is a header of `probability_table`."""
    others = header[2:]
    half = len(others) // 2
    names = [name.removeprefix("p[") for name in others[:half]]
    made = [f"p[{name}" for name in names] + [f"std[{name}" for name in names]
    return header[:2] == ["id", "predicted"] and bool(half) and others == made


def _natural(text: str) -> tuple[int, float, str]:
    """Sort numbers by value before words by letters."""
    return (0, float(text), "") if is_number(text) else (1, 0.0, text)
