"""Molecules written as SMILES to symbols: one per token."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge, Lt

from xmr.data.records import Records
from xmr.data.smiles import canonical_smiles, smiles_tokens, unreadable
from xmr.encoders.text import TextEncoder
from xmr.tasks.base import task_class


class MoleculeEncoder(TextEncoder):
    """One symbol per token of SMILES (arXiv 1811.02633): an atom, a bond, a branch, or a ring closure.

    A token that training did not contain is the mean of all that it did. Reactions (`>>`) are read as well.

    Args:
        form: `as_written`, or `canonical`: RDKit's canonical SMILES (extra `molecule`), so that all ways to write a
            molecule are one, and how it was written tells nothing.
        vocabulary: number of tokens to keep, the most frequent of the training set.
        max_length: maximum number of tokens per row; by default what the source accepts.
        length: a longer molecule is split into overlapping windows that are pooled, truncated at the end, or an error.
        overlap: fraction of a window that neighboring windows share.
        shuffle: control; `positions` permutes the tokens of every molecule, each in its own order.
    """

    def __init__(
        self,
        form: Literal["as_written", "canonical"] = "as_written",
        vocabulary: Annotated[int, Ge(1)] = 5000,
        max_length: Annotated[int, Ge(1)] | None = None,
        length: Literal["window", "truncate", "fail"] = "window",
        overlap: Annotated[float, Ge(0.0), Lt(1.0)] = 0.25,
        shuffle: Literal["none", "positions"] = "none",
    ) -> None:
        super().__init__("characters", vocabulary, False, max_length, length, overlap, shuffle)
        self.form, self.units = form, "tokens"

    def _units(self, text: str) -> list[str]:
        text = text.strip()
        return smiles_tokens(text if self.form == "as_written" else canonical_smiles(text) or "")

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Texts that are no SMILES, each with the first character that is none; those that RDKit cannot read."""
        wrong: dict[int, str] = {}
        for index, text in enumerate(map(str.strip, records.inputs)):
            place = unreadable(text)
            if not text:
                wrong[index] = "found an empty SMILES; expected a molecule, e.g. CC(=O)O"
            elif place is not None:
                wrong[index] = f"found {text[place - 1]!r} at character {place}; expected SMILES, e.g. CC(=O)O"
            elif self.form == "canonical" and canonical_smiles(text) is None:
                wrong[index] = f"found {text:.40}, which RDKit cannot read; expected a molecule (rings, valences)"
        return super().check(records, fitted=fitted) | wrong

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Chains of 3 to 8 groups, labelled by their fraction of oxygen."""
        rng = np.random.default_rng(seed)
        groups = ["C", "N", "CC", "C(=O)", "c1ccccc1", "O", "C(Cl)", "C(O)"]
        texts = ["".join(["C", *rng.choice(groups, size=int(rng.integers(3, 9)))]) for _ in range(n)]
        score = [text.count("O") / len(text) for text in texts]
        letters = ["".join("O" if c in "ON" else "C" for c in text) for text in texts]
        return Records.of(texts, task_class(task).example_labels(score, [len(text) > 20 for text in texts], letters))
