"""One of several classes at every position of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.data.records import Records
from xmr.metrics.base import Array
from xmr.metrics.classes import ClassPredictions
from xmr.tasks.base import IGNORE, Table
from xmr.tasks.classification import Classification


@dataclass(frozen=True)
class SequenceLabeling(Classification):
    """A label is a text with one letter, a class, per position. Targets: (positions of all records,) int64, IGNORE
    where the mask says 0."""

    name: ClassVar[str] = "sequence_labeling"
    predicts: ClassVar[Literal["record", "position", "future", "hidden"]] = "position"
    per_position: ClassVar[bool] = True
    one_answer: ClassVar[bool] = False
    single_target: ClassVar[bool] = False
    has_threshold: ClassVar[bool] = False
    default_output: ClassVar[str] = "per_position"
    figures: ClassVar[tuple[str, ...]] = ("confusion", "reliability")

    @classmethod
    def check_labels(cls, records: Records) -> dict[int, str]:
        """Also masks that are not as long as their labels; see `Task.check_labels`."""
        labels = next(iter(records.labels.values()), [])
        masks = {
            index: f"found a mask of {len(mask)}; expected {len(label)}, one per residue"
            for index, (mask, label) in enumerate(zip(records.mask, labels))
            if len(mask) not in (0, len(label))
        }
        return {**masks, **super().check_labels(records)}

    @classmethod
    def check_lengths(cls, records: Records, lengths: np.ndarray) -> dict[int, str]:
        """See `Task.check_lengths`."""
        labels = next(iter(records.labels.values()))
        return {
            index: f"found {len(label)} per-residue labels; expected {int(length)}, one per residue"
            for index, (label, length) in enumerate(zip(labels, lengths))
            if len(label) != length
        }

    @classmethod
    def check_split(cls, records: Records, train: np.ndarray) -> None:
        """Any training part has labels enough."""

    @classmethod
    def strata(cls, records: Records) -> np.ndarray | None:
        """See `Task.strata`: none."""
        return None

    @classmethod
    def shuffle_labels(cls, records: Records, rng: np.random.Generator) -> None:
        """Labels in another order over all positions, in place."""
        for name, column in records.labels.items():
            letters = "".join(rng.permutation(list("".join(column))))
            ends = np.cumsum([len(text) for text in column])
            records.labels[name] = [letters[end - len(text) : end] for text, end in zip(column, ends)]

    @classmethod
    def example_labels(
        cls, scores: Sequence[float], second: Sequence[bool], letters: Sequence[str] = ()
    ) -> dict[str, list[str]]:
        """See `Task.example_labels`."""
        return {"label": list(letters)}

    @classmethod
    def stand_ins(cls, records: Records, lengths: np.ndarray) -> dict[str, list[str]]:
        """See `Task.stand_ins`: one letter per position."""
        return {column: [labels[0][:1] * int(n) for n in lengths] for column, labels in records.labels.items()}

    @classmethod
    def classes_of(cls, labels: list[str]) -> set[str]:
        """The letters of the labels."""
        return set("".join(labels))

    def check(self, records: Records) -> dict[int, str]:
        """A class that training lacks is an error of the program, no reason to lose the record; see `Task.check`."""
        return {}

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (positions of all records,) int64; K for a class that training lacks."""
        lookup = np.full(256, self.outputs, dtype=np.int64)
        for index, name in enumerate(self.names):
            lookup[ord(name)] = index
        labels = records.labels[self.column]
        codes = lookup[np.frombuffer("".join(labels).encode("latin-1", "replace"), dtype=np.uint8)]
        if records.mask and any(records.mask):
            scored = "".join(mask or "1" * len(label) for mask, label in zip(records.mask, labels))
            codes[np.frombuffer(scored.encode(), dtype=np.uint8) == ord("0")] = IGNORE
        return torch.from_numpy(codes)

    def scored(self, values: Array, truth: Array) -> ClassPredictions:
        """See `Task.scored`; a class that training lacks is one more, which is never predicted."""
        if (truth == self.outputs).any():
            values = np.pad(values, ((0, 0), (0, 1)))
        return super().scored(values, truth)

    @property
    def main_metric(self) -> str:
        """Accuracy over positions."""
        return "accuracy"

    def table(self, prediction: Prediction) -> Table:
        """A letter per position, and the mean probability of the letters."""
        assert prediction.lengths is not None
        best = np.array([ord(name) for name in self.names], dtype=np.uint8)[prediction.values.argmax(axis=1)]
        ends = np.cumsum(prediction.lengths)
        texts = [best[end - n : end].tobytes().decode("latin-1") for end, n in zip(ends, prediction.lengths)]
        sure = np.add.reduceat(prediction.values.max(axis=1), ends - prediction.lengths) / prediction.lengths
        return ["id", "predicted", "mean_probability"], [list(row) for row in zip(prediction.ids, texts, sure)]

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return header == ["id", "predicted", "mean_probability"]

    def errors(self, values: Array, truth: np.ndarray) -> tuple[Array, list[tuple[str, str]]] | None:
        """Positions are not listed."""
        return None
