"""Amino-acid sequences to symbols, by stated rules for every character a file may hold."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal, Self

import numpy as np
import torch
from annotated_types import Ge, Lt
from torch import Generator

from xmr.core.kinds import Batch, Spec, SymbolBatch, SymbolSet, SymbolSpec
from xmr.core.prediction import Prediction
from xmr.data.amino_acids import AMINO_ACIDS, STOP, amino_acid_properties, blosum_softmax
from xmr.data.records import Records
from xmr.encoders.sequence import SequenceEncoder, as_bytes
from xmr.encoders.state import whole
from xmr.errors import DataError, Problem
from xmr.tasks.base import task_class

# B: Asp or Asn, Z: Glu or Gln, J: Leu or Ile, X: any; U (selenocysteine) reads as Cys, O (pyrrolysine) as Lys.
_MIXTURES = (("B", "DN"), ("Z", "EQ"), ("J", "IL"), ("X", AMINO_ACIDS), ("U", "C"), ("O", "K"))
PROTEIN = SymbolSpec(AMINO_ACIDS, _MIXTURES, False, partial(blosum_softmax, AMINO_ACIDS), amino_acid_properties)
WITH_STOP = SymbolSpec(AMINO_ACIDS + STOP, _MIXTURES, False, partial(blosum_softmax, AMINO_ACIDS + STOP))
WITH_HIDDEN = SymbolSpec(
    AMINO_ACIDS, (*_MIXTURES, ("?", AMINO_ACIDS)), True, partial(blosum_softmax, AMINO_ACIDS), amino_acid_properties
)
_GAP, _STOP, _ILLEGAL, _END = -1, -2, -3, -4


def _lookup(alphabet: SymbolSpec) -> np.ndarray:
    """Byte -> symbol id, or one of the negative codes above."""
    table = np.full(256, _ILLEGAL, dtype=np.int16)
    table[ord(STOP)] = _STOP
    for index, symbol in enumerate(alphabet.symbols):
        table[ord(symbol)] = table[ord(symbol.lower())] = index
    for gap in "-. \t":
        table[ord(gap)] = _GAP
    table[ord("\n")] = _END
    return table


_LOOKUP = {alphabet: _lookup(alphabet) for alphabet in (PROTEIN, WITH_STOP, WITH_HIDDEN)}


class ProteinEncoder(SequenceEncoder):
    """One symbol per residue.

    Upper and lower case read alike. Gaps (`-`, `.`, blanks) are removed. A stop `*` at the end is removed; inside a
    sequence it is an error, or a symbol of its own (`stop: symbol`, for variants with stop codons). B, Z, J and X are
    embedded as the mean of what they stand for, U as C, O as K. Anything else is an error that names the character and
    its position.

    Args:
        max_length: maximum number of residues per row; by default what the source accepts.
        length: a longer sequence is split into overlapping windows that are pooled, truncated at the end, or an error.
        overlap: fraction of a window that neighboring windows share.
        ambiguous: accept B Z J X U O by the rule above, or refuse them.
        aligned: all sequences are variants of one length, so that a position means the same in each; only the columns
            that vary in the training set are encoded, and a change in any other column is an error.
        fixed_columns: with `aligned: true`, `ignore` reads a change in a column that does not vary as the residue seen
            in training.
        stop: `symbol` reads every `*` as a letter of its own.
        hidden: `symbol` reads `?` as a residue to be predicted (task `infilling`).
        substitution_rate: in training, probability that a residue is resampled from its BLOSUM62 row (itself most
            likely), a regularizer for small data sets.
        shuffle: control; `positions` permutes the residues of every sequence, each in its own order.
    """

    kmer = 3
    alphabet: SymbolSpec

    def __init__(
        self,
        max_length: Annotated[int, Ge(1)] | None = None,
        length: Literal["window", "truncate", "fail"] = "window",
        overlap: Annotated[float, Ge(0.0), Lt(1.0)] = 0.25,
        ambiguous: Literal["mixture", "fail"] = "mixture",
        aligned: bool = False,
        fixed_columns: Literal["fail", "ignore"] = "fail",
        substitution_rate: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0,
        shuffle: Literal["none", "positions"] = "none",
        stop: Literal["fail", "symbol"] = "fail",
        hidden: Literal["fail", "symbol"] = "fail",
    ) -> None:
        self.alphabet = WITH_HIDDEN if hidden == "symbol" else WITH_STOP if stop == "symbol" else PROTEIN
        self.stop, self.hidden = stop, hidden
        self.max_length = max_length
        self.length = length
        self.overlap = overlap
        self.ambiguous = ambiguous
        self.aligned = aligned
        self.fixed_columns = fixed_columns
        self.substitution_rate = substitution_rate
        self.shuffle = shuffle
        self.limit = max_length or 512
        self.kept: np.ndarray | None = None  # columns kept, when only the variable ones are
        self.template: str | None = None  # the first training sequence; constant columns must agree with it

    @property
    def spec(self) -> Spec:
        """The alphabet."""
        return self.alphabet

    @property
    def one_length(self) -> bool:
        """Aligned variants have one."""
        return self.aligned

    def _symbols(self, inputs: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """All inputs at once -> codes with an end mark after each, and the record each code belongs to."""
        codes = _LOOKUP[self.alphabet][as_bytes(inputs)]
        ends = codes == _END
        owner = np.cumsum(ends) - ends
        # A stop with nothing but gaps behind it is the end of the protein, not a residue.
        solid = np.flatnonzero((codes != _GAP) & ~ends)
        if len(solid):
            last = np.ones(len(solid), dtype=bool)
            last[:-1] = owner[solid[1:]] != owner[solid[:-1]]
            trailing = solid[last & (codes[solid] == _STOP)]
            codes[trailing] = _GAP
        return codes, owner

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Records that cannot be read as proteins, each with what was found and what was expected."""
        if not len(records):
            return {}
        codes, owner = self._symbols(records.inputs)
        limit_code = len(self.alphabet.letters) if self.ambiguous == "fail" else len(self.alphabet.symbols)
        wrong: dict[int, str] = {}
        bad = np.flatnonzero((codes == _ILLEGAL) | (codes == _STOP) | (codes >= limit_code))
        for record in np.unique(owner[bad]):
            wrong[int(record)] = self._describe(records.inputs[int(record)])
        residues = np.bincount(owner[codes >= 0], minlength=len(records))
        for record in np.flatnonzero(residues == 0):
            wrong.setdefault(int(record), "found an empty sequence; expected at least one residue")
        if self.length == "fail" and not self.aligned:
            for record in np.flatnonzero(residues > self.limit):
                found = f"found {residues[record]} residues; expected at most {self.limit}"
                wrong.setdefault(int(record), f"{found} (encoder.length: window takes any length)")
        if fitted and self.aligned:
            self._check_columns(records, wrong)
        return wrong

    def _describe(self, text: str) -> str:
        """Name the first character of `text` that cannot be read."""
        body = text.rstrip("-. \t")
        body = body[:-1] if body.endswith("*") else body
        for place, character in enumerate(body, start=1):
            code = int(_LOOKUP[self.alphabet][ord(character)]) if ord(character) < 256 else _ILLEGAL
            if code == _STOP:
                expected = "it only at the end (or encoder.stop: symbol)"
                return f"found a stop '*' inside the sequence at position {place}; expected {expected}"
            if code in (_ILLEGAL, _END):
                return (
                    f"found {character!r} at position {place}; "
                    f"expected amino acids ({AMINO_ACIDS}, ambiguous BZJXUO, gaps - or .)"
                )
            if code >= len(self.alphabet.letters) and self.ambiguous == "fail":
                return f"found the ambiguous residue {character!r} at position {place}; expected {AMINO_ACIDS}"
        return "found nothing readable; expected amino acids"

    def _check_columns(self, records: Records, wrong: dict[int, str]) -> None:
        assert self.template is not None
        assert self.kept is not None
        constant = np.ones(len(self.template), dtype=bool)
        constant[self.kept] = False
        reference = np.frombuffer(self.template.encode(), dtype=np.uint8)
        for index, text in enumerate(self.canonical(records)):
            if index in wrong:
                continue
            if len(text) != len(self.template):
                wrong[index] = (
                    f"found {len(text)} residues; expected {len(self.template)} as in training (encoder.aligned: true)"
                )
                continue
            differs = np.flatnonzero((np.frombuffer(text.encode(), dtype=np.uint8) != reference) & constant)
            if len(differs) and self.fixed_columns == "fail":
                place = int(differs[0])
                wrong[index] = (
                    f"found {text[place]!r} at position {place + 1}; expected {self.template[place]!r}, the only "
                    "residue seen there in training (encoder.aligned: true; use false, or fixed_columns: ignore)"
                )

    def canonical(self, records: Records) -> list[str]:
        """Upper case, without gaps and, unless it is a symbol, end stop."""
        clean = str.maketrans("", "", "-. \t")
        texts = [text.translate(clean).upper() for text in records.inputs]
        return texts if self.stop == "symbol" else [text.rstrip(STOP) for text in texts]

    def to_original_units(self, prediction: Prediction, records: Records) -> Prediction:
        """With the sequences, where hidden residues in them are predicted; see `Encoder.to_original_units`."""
        return replace(prediction, texts=self.canonical(records)) if self.hidden == "symbol" else prediction

    def varying(self, texts: list[str]) -> list[str]:
        """The columns that vary, of aligned variants; see `Encoder.varying`."""
        if self.kept is None or not texts:
            return texts
        rows = np.frombuffer("".join(texts).encode("latin-1", "replace"), np.uint8).reshape(len(texts), -1)[
            :, self.kept
        ]
        return [row.tobytes().decode("latin-1") for row in rows]

    @classmethod
    def fields_for(cls, X: Any) -> dict[str, Any]:
        """`stop: symbol` for variants of one length of which some have a stop codon."""
        stopped = len({len(text) for text in X}) == 1 and any(STOP in text[:-1] for text in X)
        return {"stop": "symbol"} if stopped else {}

    def fit(self, records: Records) -> Self:
        """Find the columns that vary, when only those are wanted. Raises DataError unless all lengths are equal."""
        if not self.aligned:
            return self
        texts = self.canonical(records)
        lengths = {len(text) for text in texts}
        if len(lengths) != 1:
            shortest, longest = min(lengths), max(lengths)
            raise DataError(
                Problem(
                    "encoder.aligned: true",
                    f"training sequences of {shortest} to {longest} residues",
                    "aligned variants of one length (or aligned: false)",
                )
            )
        matrix = np.frombuffer("".join(texts).encode(), dtype=np.uint8).reshape(len(texts), -1)
        self.kept = np.flatnonzero((matrix != matrix[0]).any(axis=0))
        self.template = texts[0]
        if not len(self.kept):
            raise DataError("encoder.aligned: true: found no column that varies in the training part")
        return self

    def encode(self, records: Records) -> SymbolSet:
        """Encode every record once. Raises DataError naming file and line of what cannot be read."""
        self.require_valid(records)
        codes, owner = self._symbols(records.inputs)
        residue = codes >= 0
        flat, lengths = codes[residue], np.bincount(owner[residue], minlength=len(records))
        if self.kept is not None and self.template is not None:
            flat = flat.reshape(len(records), len(self.template))[:, self.kept].reshape(-1)
            lengths = np.full(len(records), len(self.kept))
        return self.encoded(flat, lengths)

    def augment(self, encoded: Batch, generator: Generator) -> Batch:
        """Resample some residues from their BLOSUM62 rows; ambiguous residues stay."""
        if not self.substitution_rate:
            return encoded
        assert isinstance(encoded, SymbolBatch)
        ids = encoded.ids
        chance = blosum_softmax(AMINO_ACIDS).to(ids.device)
        letters = ids.clamp(max=len(AMINO_ACIDS) - 1)
        drawn = torch.multinomial(chance[letters.reshape(-1)], 1, generator=generator).reshape(ids.shape)
        within = ids < len(AMINO_ACIDS)
        chosen = (torch.rand(ids.shape, generator=generator, device=ids.device) < self.substitution_rate) & within
        return replace(encoded, ids=torch.where(chosen, drawn, ids))

    def state(self) -> dict[str, Any]:
        """The row limit, and the kept columns with their template."""
        return {
            "limit": self.limit,
            "kept": None if self.kept is None else self.kept.tolist(),
            "template": self.template,
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        self.limit = whole(state, "limit", 1)
        self.kept = None if state["kept"] is None else np.asarray(state["kept"], dtype=np.int64)
        self.template = state["template"]
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Random peptides of 8 to 40 residues (one length for `aligned: true`), labelled by their lysine share."""
        rng = np.random.default_rng(seed)
        texts = [
            "".join(rng.choice(list(AMINO_ACIDS), size=30 if self.aligned else int(rng.integers(8, 41))))
            for _ in range(n)
        ]
        score = [(text.count("K") + text.count("R")) / len(text) for text in texts]
        letters = ["".join("H" if c in "AELKMQR" else "C" for c in text) for text in texts]
        columns = task_class(task).example_labels(score, [len(text) > 20 for text in texts], letters)
        return Records.of(texts, columns)
