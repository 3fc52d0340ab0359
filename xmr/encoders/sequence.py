"""What encoders of sequences share: texts as bytes, and the control that shuffles positions."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from xmr.core.kinds import SymbolSet
from xmr.core.spaces import Tokenize
from xmr.data.records import Records
from xmr.encoders.base import Encoder

LETTERS = 27  # A to Z, and the rest


class SequenceEncoder(Encoder):
    """An encoder of sequences of symbols. The recipe fields named here are those that all of them have."""

    emits: ClassVar[str] = "symbols"
    reads: ClassVar[str] = "sequences"
    max_length: int | None
    length: str
    overlap: float
    shuffle: str
    limit: int  # symbols of the longest row

    def configure(self, capacity: int = 512, rate: int | None = None, tokenize: Tokenize | None = None) -> Self:
        """The longest row is the smaller of `max_length` and what the source takes."""
        self.limit = min(self.max_length or capacity, capacity)
        return self

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """Texts, one per record. Raises ValueError for anything else."""
        texts = [] if isinstance(X, str) else [str(text) for text in X]
        if not texts or not all(isinstance(text, str) for text in X):
            raise ValueError(f"found {type(X).__name__} of {len(texts)}; expected texts, one per record")
        return Records.of(texts)

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """The number of symbols."""
        return {"the length": np.array([len(text) for text in self.canonical(records)], dtype=float)}

    def views(self, records: Records) -> dict[str, np.ndarray]:
        """The frequencies of the letters A to Z, in either case, and of everything else: (n, 27)."""
        texts = [text.encode("utf-8", "surrogatepass") for text in self.canonical(records)]
        codes = (np.frombuffer(b"".join(texts), np.uint8) | 32) - ord("a")
        lengths = np.array([len(text) for text in texts])
        place = np.repeat(np.arange(len(texts)), lengths) * LETTERS + np.minimum(codes, LETTERS - 1)
        counts = np.bincount(place, minlength=len(texts) * LETTERS).reshape(-1, LETTERS)
        return {"composition": counts / np.maximum(lengths, 1)[:, None]}

    def encoded(self, flat: np.ndarray, lengths: np.ndarray, pieces: int = 1) -> SymbolSet:
        """Symbol ids of all records end to end, shuffled or truncated as the recipe says, as a data set."""
        if self.shuffle == "positions":
            flat = shuffled(flat, lengths)
        if self.length == "truncate":
            within = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
            flat, lengths = flat[within < self.limit], np.minimum(lengths, self.limit)
        return SymbolSet(flat, lengths, self.limit, self.overlap, pieces)


def as_bytes(inputs: list[str]) -> np.ndarray:
    """The characters of all records end to end, a line break behind each record; (sum of lengths + n,) uint8.

    Characters beyond one byte become `?`. A line break within a record (quoted cells may hold one) becomes a zero byte:
    no symbol of any alphabet, so that it cannot be taken for the end of the record.
    """
    text = "\n".join(inputs) + "\n"
    if text.count("\n") != len(inputs):
        text = "\n".join(record.replace("\n", "\0") for record in inputs) + "\n"
    return np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8)


def shuffled(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Permute within every record, without a loop, in an order that depends only on the record's own symbols.

    flat: (total,) ids end to end; lengths: (records,). Sorts by (record, key): a sum over the record of its symbols
    times a random number a position, and the position, mixed as in splitmix64 (Steele et al. 2014).
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    within = np.arange(len(flat)) - (ends - lengths)[owner]
    noise = np.random.default_rng(0).integers(0, 2**64, size=int(lengths.max(initial=0)), dtype=np.uint64)[within]
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum((flat.astype(np.uint64) + np.uint64(1)) * noise)])
    keys = (total[ends] - total[ends - lengths])[owner] ^ noise  # sums run over 2**64 and wrap; so do differences
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return flat[np.lexsort((keys ^ (keys >> np.uint64(31)), owner))]
