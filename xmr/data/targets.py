"""Raw labels to target tensors and back: class names, label columns, the scale of a regression."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal, Self

import numpy as np
import torch
from scipy.special import ndtri
from torch import Tensor

from xmr.data.readers.numbers import is_number
from xmr.data.records import Records
from xmr.errors import DataError, nearest, one_of

Task = Literal["classification", "multilabel", "regression", "sequence_labeling", "forecasting"]
IGNORE = -100  # a position or label that is not scored (torch's own convention for cross-entropy)
_LEVELS = (np.arange(101) + 0.5) / 101
_SCORES = ndtri(_LEVELS)  # normal scores of the stored quantiles
_TRUE, _FALSE = ("1", "1.0", "true", "yes", "positive"), ("0", "0.0", "false", "no", "negative")


@dataclass(frozen=True)
class Targets:
    """What the target task asks for. names: classes, or the label columns of a multilabel task or a regression.

    mean, std: of each regression column on the training part; targets are standardised with them.
    positive: the class of interest of a binary task, where one is stated. quantiles: of each regression column, when
    targets are brought to normal scores instead (skewed values whose order matters, such as fitness).
    """

    task: Task
    names: tuple[str, ...]
    column: str = ""
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    positive: str = ""
    quantiles: tuple[tuple[float, ...], ...] = ()

    @property
    def positive_class(self) -> int:
        """The class a binary task's AUROC, average precision and curves are about; the last unless stated."""
        return self.names.index(self.positive) if self.positive in self.names else len(self.names) - 1

    @property
    def outputs(self) -> int:
        """Number of answers K."""
        return len(self.names)

    @classmethod
    def fit(
        cls,
        task: Task,
        records: Records,
        positive: str | None = None,
        scale: Literal["standard", "quantile"] = "standard",
    ) -> Self:
        """Classes and scales from the training part alone. records: checked by `check_raw`.

        Raises DataError when `positive` is not one of the classes.
        """
        columns = tuple(records.labels)
        if task == "forecasting":
            raise ValueError("forecasting has no labels: Targets.steps")
        if task == "regression":
            values = np.array([[float(x) for x in records.labels[name]] for name in columns])
            deviation = np.maximum(values.std(axis=1), 1e-12)
            moments = tuple(values.mean(axis=1).tolist()), tuple(deviation.tolist())
            if scale == "standard":
                return cls(task, columns, columns[0], *moments)
            quantiles = np.quantile(values, _LEVELS, axis=1).T
            quantiles = np.maximum.accumulate(quantiles + 1e-9 * np.arange(len(_LEVELS)), axis=1)  # strictly rising
            return cls(task, columns, columns[0], *moments, quantiles=tuple(map(tuple, quantiles.tolist())))
        if task == "multilabel":
            return cls(task, columns, columns[0])
        labels = records.labels[columns[0]]
        found = set("".join(labels)) if task == "sequence_labeling" else set(labels)
        if positive is not None and positive not in found:
            raise DataError(one_of("data.positive", positive, found))
        return cls(task, tuple(sorted(found, key=_natural)), columns[0], positive=positive or "")

    @classmethod
    def steps(cls, horizon: int) -> Self:
        """Forecasting: the z-scored values of so many steps to come."""
        return cls("forecasting", tuple(f"t+{step}" for step in range(1, horizon + 1)))

    def check(self, records: Records) -> dict[int, str]:
        """Labels that were not seen in training: index -> "found ...; expected ..."."""
        if self.task not in ("classification", "sequence_labeling"):
            return {}
        wrong: dict[int, str] = {}
        known = set(self.names)
        for index, label in enumerate(records.labels[self.column]):
            strange = {label} - known if self.task == "classification" else set(label) - known
            if strange:
                one = sorted(strange)[0]
                close = nearest(one, known)
                hint = f" (nearest: {close})" if close else ""
                wrong[index] = f"found the label {one!r}; expected one that training has: {', '.join(self.names)}{hint}"
        return wrong

    def encode(self, records: Records) -> Tensor:
        """Targets of checked records.

        Classification (n,) int64; multilabel (n, K) float, NaN where a label is missing; regression (n, K) float,
        standardised; forecasting (n, K) float, z-scored; residue classification (total residues,) int64 with IGNORE
        where the mask says 0.
        """
        if self.task == "forecasting":
            assert records.arrays is not None
            return torch.from_numpy(np.ascontiguousarray(records.arrays[:, 0, -self.outputs :]))
        if self.task == "regression":
            values = np.array([[float(x) for x in records.labels[name]] for name in self.names], dtype=np.float64).T
            return torch.from_numpy(self.scaled(values)).float()
        if self.task == "multilabel":
            table = [[_truth(x) for x in records.labels[name]] for name in self.names]
            return torch.tensor(table, dtype=torch.float32).T.contiguous()
        number = {name: index for index, name in enumerate(self.names)}
        if self.task == "classification":
            return torch.tensor([number[label] for label in records.labels[self.column]], dtype=torch.long)
        lookup = np.full(256, IGNORE, dtype=np.int64)
        for name, index in number.items():
            lookup[ord(name)] = index
        codes = lookup[np.frombuffer("".join(records.labels[self.column]).encode("latin-1"), dtype=np.uint8)]
        if records.mask and any(records.mask):
            scored = "".join(m or "1" * len(x) for m, x in zip(records.mask, records.labels[self.column]))
            codes[np.frombuffer(scored.encode(), dtype=np.uint8) == ord("0")] = IGNORE
        return torch.from_numpy(codes)

    def scaled(self, values: np.ndarray) -> np.ndarray:
        """Values (n, K) in their own units -> what a program is trained on."""
        if not self.quantiles:
            return (values - np.array(self.mean)) / np.array(self.std)
        columns = [np.interp(column, q, _SCORES) for column, q in zip(values.T, self.quantiles)]
        return np.stack(columns, axis=1)

    def own_units(self, scaled: np.ndarray) -> np.ndarray:
        """The inverse of `scaled`, (n, K); normal scores beyond the training range go on as straight lines."""
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

    def state(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    @classmethod
    def restore(cls, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        mean, std, positive = tuple(state["mean"]), tuple(state["std"]), state.get("positive", "")
        quantiles = tuple(map(tuple, state.get("quantiles", ())))
        return cls(state["task"], tuple(state["names"]), state["column"], mean, std, positive, quantiles)


def check_raw(task: Task, records: Records) -> dict[int, str]:
    """Labels that cannot be read for this task, before any class list is known."""
    wrong: dict[int, str] = {}
    for column, labels in records.labels.items():
        for index, label in enumerate(labels):
            if label == "" and task != "multilabel":
                wrong[index] = f"found no label in {column!r}; expected one"
            elif task == "classification" and label.casefold() == "nan":
                wrong[index] = f"found {label!r} in {column!r}, which is no label; expected one"
            elif task == "regression" and not is_number(label):
                wrong[index] = f"found {label!r} in {column!r}; expected a finite number"
            elif task == "multilabel" and label.casefold() not in ("", *_TRUE, *_FALSE):
                wrong[index] = f"found {label!r} in {column!r}; expected 0 or 1 (empty: not known)"
            elif task == "sequence_labeling" and records.mask and len(records.mask[index]) not in (0, len(label)):
                wrong[index] = f"found a mask of {len(records.mask[index])}; expected {len(label)}, one a residue"
    return wrong


def check_aligned(records: Records, lengths: np.ndarray) -> dict[int, str]:
    """Per-residue labels whose number differs from the residues'. lengths: (n,) residues after cleaning."""
    labels = next(iter(records.labels.values()))
    return {
        index: f"found {len(label)} per-residue labels; expected {int(length)}, one a residue"
        for index, (label, length) in enumerate(zip(labels, lengths))
        if len(label) != length
    }


def _truth(text: str) -> float:
    return float("nan") if text == "" else float(text.casefold() in _TRUE)


def _natural(text: str) -> tuple[int, float, str]:
    """Sort numbers by value before words by letters."""
    return (0, float(text), "") if is_number(text) else (1, 0.0, text)
