"""Letters that are hidden in a sequence, such as a loop of an antibody."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar, Literal, Self, cast
from zlib import crc32

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import EncodedSet, Spec, SymbolSet, SymbolSpec
from xmr.core.prediction import Prediction
from xmr.data.records import Records
from xmr.metrics.base import Array
from xmr.metrics.infilling import diversity
from xmr.metrics.registry import METRICS
from xmr.tasks.base import IGNORE, Scale, Table
from xmr.tasks.sequence_labeling import SequenceLabeling

HIDDEN, SHOWN, UNKNOWN = "?", "-", "X"  # in the input; in the label: a letter that the input shows, and one not known
_HEADER = ["id", "loop", "filled", "log_likelihood"]


@dataclass(frozen=True)
class Infilling(SequenceLabeling):
    """The input has `?` for every hidden letter; the label has the letters there and `-` elsewhere. Targets: as in
    `sequence_labeling`, IGNORE at `-` and at the unknown `X`. Source: ReprogBERT, arXiv 2210.07144.

    samples: sequences to sample per record in the table of predictions, each position on its own. passes: of the
    source, each of which fills the most confident ceil(m / passes) of the m hidden letters of a record; the next one
    reads them, and the probabilities of a letter are those of the pass that filled it. 1: all at once (the paper's
    parallel decoding).
    """

    samples: int = field(default=0, kw_only=True)
    passes: int = field(default=1, kw_only=True)

    name: ClassVar[str] = "infilling"
    predicts: ClassVar[Literal["record", "position", "future", "hidden"]] = "hidden"
    default_output: ClassVar[str] = "vocabulary_per_position"
    figures: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def check_lengths(cls, records: Records, lengths: np.ndarray) -> dict[int, str]:
        """Also labels with a letter that the sequence shows, and records without a hidden letter."""
        wrong = super().check_lengths(records, lengths)
        for index, (label, text) in enumerate(zip(next(iter(records.labels.values())), records.inputs)):
            if index in wrong or len(text) != len(label):  # gaps in the text
                continue
            hidden, known = _at(text, HIDDEN), _at(label, SHOWN)
            if not hidden.any():
                wrong[index] = f"found no {HIDDEN!r} in the sequence; expected one for every hidden letter"
            elif (hidden == known).any():
                place = int(np.flatnonzero(hidden == known)[0])
                expected = f"a letter where the sequence has {HIDDEN!r}, {SHOWN!r} elsewhere"
                wrong[index] = f"found {label[place]!r} in the label at position {place + 1}; expected {expected}"
        return wrong

    @classmethod
    def shuffle_labels(cls, records: Records, rng: np.random.Generator) -> None:
        """Hidden letters in another order over all hidden positions, in place."""
        for name, column in records.labels.items():
            letters = np.array([*"".join(column)])
            hidden = letters != SHOWN
            letters[hidden] = rng.permutation(letters[hidden])
            ends = np.cumsum([len(text) for text in column])
            records.labels[name] = ["".join(letters[end - len(text) : end]) for text, end in zip(column, ends)]

    @classmethod
    def classes_of(cls, labels: list[str]) -> set[str]:
        """The letters that labels hide."""
        return set("".join(labels).upper()) - {SHOWN, UNKNOWN}

    @classmethod
    def fit(cls, records: Records, positive: str | None = None, scale: Scale = "standard") -> Self:
        """See `Task.fit`."""
        column, labels = next(iter(records.labels.items()))
        return cls(tuple(sorted(cls.classes_of(labels))), column)

    def encode(self, records: Records) -> Tensor:
        """See `Task.encode`: (positions of all records,) int64."""
        labels = [label.upper() for label in records.labels[self.column]]
        codes = super().encode(replace(records, labels={self.column: labels}))
        codes.numpy()[np.isin(np.array([*"".join(labels)]), (SHOWN, UNKNOWN))] = IGNORE
        return codes

    @property
    def main_metric(self) -> str:
        """Perplexity of the hidden letters, which also says how sure a program is."""
        return "perplexity"

    def metrics(self, values: Array, target: Tensor | Array, lengths: np.ndarray | None = None) -> dict[str, float]:
        """With the record of each hidden letter; see `Task.metrics`."""
        truth = np.asarray(target)
        found = self.scored(values, truth)
        if lengths is not None:
            found = replace(found, record=np.repeat(np.arange(len(lengths)), lengths)[truth != IGNORE])
        return METRICS.scores((self.name, self.like), found)

    def decode(self, predict: Callable[[EncodedSet], Tensor], data: EncodedSet, spec: Spec) -> Tensor:
        """See `Task.decode` and `passes`: the most confident letters first."""
        each = predict(data)
        if self.passes == 1:
            return each
        sequences, symbols = cast(SymbolSet, data), cast(SymbolSpec, spec).symbols
        flat, unread = sequences.flat.clone(), symbols.index(HIDDEN)
        letters = torch.tensor([symbols.index(name) if name in symbols else unread for name in self.names])
        owner = np.repeat(np.arange(len(data)), data.positions)
        left = np.flatnonzero(flat.numpy() == unread)
        quota = -(-np.bincount(owner[left], minlength=len(data)) // self.passes)
        while len(left):
            sure, best = each[:, torch.from_numpy(left)].mean(dim=0).max(dim=1)
            order = np.lexsort((-sure.numpy(), owner[left]))
            begins = np.searchsorted(owner[left], owner[left])  # `left` is in the order of records
            now = np.zeros(len(left), bool)
            now[order] = np.arange(len(left)) - begins < quota[owner[left]]
            flat[torch.from_numpy(left[now])] = letters[best[torch.from_numpy(now)]].to(flat.dtype)
            left = left[~now]
            records = np.unique(owner[left])
            if len(left):
                again = predict(sequences.changed(flat, records))
                place = torch.from_numpy(np.flatnonzero(np.isin(owner, records)))
                each[:, torch.from_numpy(left)] = again[:, torch.searchsorted(place, torch.from_numpy(left))]
        return each

    def filling(self, passes: int) -> Self:
        """See `Task.filling`."""
        return replace(self, passes=passes)

    def sampling(self, n: int) -> Self:
        """See `Task.sampling`."""
        return replace(self, samples=n)

    def table(self, prediction: Prediction) -> Table:
        """The most likely letters, the whole sequence with them, and their mean log-likelihood; with `samples` also the
        sampled loops and their diversity.
        """
        assert prediction.lengths is not None
        letters, ends = np.array(self.names), np.cumsum(prediction.lengths)
        rows: list[list[object]] = []
        for index, (name, end, length) in enumerate(zip(prediction.ids, ends, prediction.lengths)):
            text = prediction.texts[index] if prediction.texts else HIDDEN * int(length)
            hidden = _at(text, HIDDEN)
            chance = prediction.values[end - length : end][hidden].astype(float).clip(1e-9)
            whole = np.array([*text])
            whole[hidden] = letters[chance.argmax(axis=1)]
            sure = float(np.log(chance.max(axis=1)).mean()) if len(chance) else 0.0
            more = self._sampled(chance / chance.sum(axis=1, keepdims=True), crc32(text.encode()))
            rows.append([name, "".join(whole[hidden]), "".join(whole), sure, *more])
        return [*_HEADER, *(["diversity", "samples"] if self.samples else [])], rows

    def _sampled(self, chance: Array, seed: int) -> list[object]:
        """Diversity of the sampled loops, and the loops, one blank between two. chance: (hidden, K)."""
        if not self.samples:
            return []
        drawn = np.random.default_rng(seed).random((self.samples, len(chance), 1))
        picked = np.minimum((drawn > np.cumsum(chance, axis=1)).sum(axis=2), len(self.names) - 1)
        loops = ["".join(row) for row in np.array(self.names)[picked]]
        return [diversity(loops), " ".join(loops)]

    @classmethod
    def is_header(cls, header: list[str]) -> bool:
        """See `Task.is_header`."""
        return header in (_HEADER, [*_HEADER, "diversity", "samples"])


def _at(text: str, letter: str) -> np.ndarray:
    """Whether each character of a text is this one, (len(text),)."""
    return np.array([*text]) == letter
