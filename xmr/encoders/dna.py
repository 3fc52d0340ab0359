"""Nucleotide sequences to symbols: single nucleotides or k-mers, on one strand or both."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, Literal, Self

import numpy as np
from annotated_types import Ge, Le, Lt

from xmr.core.kinds import Spec, SymbolSet, SymbolSpec
from xmr.data.records import Records
from xmr.encoders.sequence import SequenceEncoder, as_bytes
from xmr.encoders.state import whole
from xmr.errors import DataError, Problem, RecipeError
from xmr.tasks.base import task_class

BASES = "ACGT"
# IUPAC codes of 1984: what each may stand for.
AMBIGUOUS = {
    "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC",
    "B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT",
}  # fmt: skip
CODES = BASES + "".join(AMBIGUOUS)
_PAIRS = str.maketrans("ACGTRYSWKMBDHVN", "TGCAYRSWMKVHDBN")
COMPLEMENT = np.array([CODES.index(code.translate(_PAIRS)) for code in CODES], dtype=np.int16)
_GAP, _ILLEGAL, _END = -1, -2, -3


def _lookup() -> np.ndarray:
    """Byte -> code, or one of the negative marks above."""
    table = np.full(256, _ILLEGAL, dtype=np.int16)
    for index, symbol in enumerate(CODES):
        table[ord(symbol)] = table[ord(symbol.lower())] = index
    table[ord("U")] = table[ord("u")] = BASES.index("T")
    for gap in "-. \t":
        table[ord(gap)] = _GAP
    table[ord("\n")] = _END
    return table


_LOOKUP = _lookup()


class DnaEncoder(SequenceEncoder):
    """One symbol per nucleotide or k-mer.

    Upper and lower case read alike, U as T; gaps (`-`, `.`, blanks) are removed. Ambiguity codes (IUPAC: R Y S W K M B
    D H V N) are embedded as the mean of what they stand for; a k-mer that holds one is the mean of all k-mers.
    Anything else is an error that names the character and its position.

    Args:
        k: letters per symbol; 1: nucleotides.
        stride: letters from the start of one k-mer to the next; by default 1.
        strands: `both` encodes each sequence and its reverse complement and pools them, so that the strand does not
            matter.
        max_length: maximum number of symbols per row; by default what the source accepts.
        length: a longer sequence is split into overlapping windows that are pooled, truncated at the end, or an error.
        overlap: fraction of a window that neighboring windows share.
        aligned: all sequences are windows of one length around a site, so that a position means the same in each
            (`output.pool: concat` keeps positions apart); another length is then an error.
        shuffle: control; `positions` permutes the symbols of every sequence, each in its own order.
    """

    kmer = 7

    def __init__(
        self,
        k: Annotated[int, Ge(1), Le(6)] = 1,
        stride: Annotated[int, Ge(1)] = 1,
        strands: Literal["one", "both"] = "one",
        max_length: Annotated[int, Ge(1)] | None = None,
        length: Literal["window", "truncate", "fail"] = "window",
        overlap: Annotated[float, Ge(0.0), Lt(1.0)] = 0.25,
        shuffle: Literal["none", "positions"] = "none",
        aligned: bool = False,
    ) -> None:
        if aligned and strands == "both":
            raise RecipeError(Problem("encoder.strands", "'both' with aligned: true", "one: a site has a direction"))
        self.k, self.stride, self.strands = k, stride, strands
        self.max_length, self.length, self.overlap, self.shuffle = max_length, length, overlap, shuffle
        self.limit, self.aligned = max_length or 512, aligned
        self.nucleotides: int | None = None  # of every record, where they are aligned
        if k == 1:
            self.alphabet = SymbolSpec(BASES, tuple(AMBIGUOUS.items()))
        else:
            words = tuple("".join(letters) for letters in product(BASES, repeat=k))
            self.alphabet = SymbolSpec(words, (("?", words),))

    @property
    def spec(self) -> Spec:
        """Nucleotides and ambiguity codes, or k-mers and one symbol for all that are ambiguous."""
        return self.alphabet

    @property
    def one_length(self) -> bool:
        """Aligned windows have one."""
        return self.aligned

    def _codes(self, inputs: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """All inputs at once -> codes with an end mark after each, and the record each belongs to."""
        codes = _LOOKUP[as_bytes(inputs)]
        ends = codes == _END
        return codes, np.cumsum(ends) - ends

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Records that cannot be read as nucleotides, each with what was found and what was expected."""
        if not len(records):
            return {}
        codes, owner = self._codes(records.inputs)
        wrong: dict[int, str] = {}
        for record in np.unique(owner[codes == _ILLEGAL]):
            text = records.inputs[int(record)]
            place = next(i for i, c in enumerate(text) if ord(c) > 255 or _LOOKUP[ord(c)] in (_ILLEGAL, _END))
            expected = f"nucleotides ({BASES}, U, ambiguous {''.join(AMBIGUOUS)}, gaps - or .)"
            wrong[int(record)] = f"found {text[place]!r} at position {place + 1}; expected {expected}"
        counts = np.bincount(owner[codes >= 0], minlength=len(records))
        for record in np.flatnonzero(counts < self.k):
            least = "at least one nucleotide" if self.k == 1 else f"at least {self.k} nucleotides (encoder.k)"
            found = "an empty sequence" if not counts[record] else f"{counts[record]} nucleotides"
            wrong.setdefault(int(record), f"found {found}; expected {least}")
        if self.aligned:
            fixed = self.nucleotides if fitted else None
            usual = fixed or int(np.bincount(counts[counts >= self.k], minlength=1).argmax())
            whose = "in training" if fixed else "most have"
            for record in np.flatnonzero(counts != usual):
                found = f"found {counts[record]} nucleotides; expected {usual} as {whose}"
                wrong.setdefault(int(record), f"{found} (encoder.aligned: true)")
        if self.length == "fail":
            symbols = (counts - self.k) // self.stride + 1
            for record in np.flatnonzero(symbols > self.limit):
                found = f"found {symbols[record]} symbols; expected at most {self.limit}"
                wrong.setdefault(int(record), f"{found} (encoder.length: window takes any length)")
        return wrong

    def canonical(self, records: Records) -> list[str]:
        """Upper case DNA without gaps; with both strands, the first of a sequence and its reverse complement."""
        clean = str.maketrans("Uu", "TT", "-. \t")
        texts = [text.translate(clean).upper() for text in records.inputs]
        return texts if self.strands == "one" else [min(text, text.translate(_PAIRS)[::-1]) for text in texts]

    def fit(self, records: Records) -> Self:
        """Keep the one length of aligned records. Raises DataError where there are several, or too long a one."""
        if not self.aligned:
            return self
        lengths = {len(text) for text in self.canonical(records)}
        if len(lengths) > 1:
            found = f"training sequences of {min(lengths)} to {max(lengths)} nucleotides"
            raise DataError(Problem("encoder.aligned", found, "windows of one length (or aligned: false)"))
        self.nucleotides = lengths.pop()
        symbols = (self.nucleotides - self.k) // self.stride + 1
        if symbols > self.limit:
            expected = f"at most {self.limit} (or aligned: false, a larger encoder.stride)"
            raise DataError(Problem("encoder.aligned", f"records of {symbols} symbols", expected))
        return self

    def encode(self, records: Records) -> SymbolSet:
        """Encode every record once. Raises DataError naming file and line of what cannot be read."""
        self.require_valid(records)
        codes, owner = self._codes(records.inputs)
        inside = codes >= 0
        flat, lengths = codes[inside], np.bincount(owner[inside], minlength=len(records))
        flat, symbols = self._symbols(flat, lengths)
        if self.strands == "both":
            other, _ = self._symbols(COMPLEMENT[_turned(codes[inside], lengths)], lengths)
            flat = _in_turn(flat, other, symbols)
            symbols = np.repeat(symbols, 2)
        return self.encoded(flat, symbols, pieces=2 if self.strands == "both" else 1)

    def _symbols(self, flat: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Codes of all records end to end -> symbol ids, and how many of each record."""
        if self.k == 1 and self.stride == 1:
            return flat, lengths
        count = (lengths - self.k) // self.stride + 1
        begin = np.repeat(np.cumsum(lengths) - lengths, count)
        within = np.arange(int(count.sum())) - np.repeat(np.cumsum(count) - count, count)
        letters = flat[(begin + within * self.stride)[:, None] + np.arange(self.k)].astype(np.int64)
        if self.k == 1:
            return letters[:, 0], count
        number = letters @ 4 ** np.arange(self.k - 1, -1, -1)
        return np.where((letters >= len(BASES)).any(axis=1), 4**self.k, number), count

    def state(self) -> dict[str, Any]:
        """The row limit, and the one length of aligned records."""
        return {"limit": self.limit, "nucleotides": self.nucleotides}

    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        self.limit = whole(state, "limit", 1)
        self.nucleotides = None if state.get("nucleotides") is None else whole(state, "nucleotides")
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Random sequences of 12 to 40 nucleotides (30 where they are aligned), labelled by their fraction of G and
        C.
        """
        rng = np.random.default_rng(seed)
        sizes = [30 if self.aligned else int(rng.integers(12, 41)) for _ in range(n)]
        texts = ["".join(rng.choice(list(BASES), size=size)) for size in sizes]
        score = [(text.count("G") + text.count("C")) / len(text) for text in texts]
        letters = ["".join("S" if c in "CG" else "W" for c in text) for text in texts]
        columns = task_class(task).example_labels(score, [len(text) > 24 for text in texts], letters)
        return Records.of(texts, columns)


def _turned(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Every record back to front, without a loop."""
    begin = np.repeat(np.cumsum(lengths) - lengths, lengths)
    end = np.repeat(np.cumsum(lengths), lengths)
    return flat[begin + end - 1 - np.arange(len(flat))]


def _in_turn(first: np.ndarray, second: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Records of two sets by turns: the first's record, the second's, the first's next one."""
    made = np.empty(2 * len(first), dtype=first.dtype)
    place = np.arange(len(first)) + np.repeat(np.cumsum(lengths) - lengths, lengths)
    made[place] = first
    made[place + np.repeat(lengths, lengths)] = second
    return made
