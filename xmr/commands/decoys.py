"""Whether a program ranks sequences above shuffles of themselves, which have the same composition."""

from __future__ import annotations

from typing import Any

import numpy as np

from xmr.data.records import Records
from xmr.errors import DataError, Problem
from xmr.program import Program

SHUFFLES = 10  # of each positive record


def against_shuffles(program: Program, records: Records, positive: np.ndarray) -> dict[str, Any]:
    """For each positive record, the fraction of its shuffles that the program ranks below it; mean and 95 % interval.

    0.5: the order of the symbols does not matter to the program. positive: (n,) truth. Raises DataError for records
    that are no sequences, or whose shuffles cannot be read (molecules).
    """
    task, encoder = program.task, program.encoder
    if encoder.reads != "sequences" or not task.single_target or not task.classes or task.outputs != 2:
        expected = "a program of two classes of sequences"
        raise DataError(Problem("--decoys shuffle", f"task {task.name} of {encoder.reads}", expected))
    chosen = records.take(np.flatnonzero(positive))
    if not len(chosen):
        raise DataError(Problem("--decoys shuffle", "no record of the positive class", "at least one"))
    rng, texts = np.random.default_rng(0), encoder.canonical(chosen)
    shuffled = [_shuffled(text, rng) for text in texts for _ in range(SHUFFLES)]
    decoys = Records.of(shuffled, file=f"shuffles of {records.file}")
    encoder.require_valid(decoys)
    one = task.positive_class  # type: ignore[attr-defined]
    own, theirs = (program.predict(each).values[:, one] for each in (chosen, decoys))
    share = ranked_above(own, theirs.reshape(-1, SHUFFLES))
    drawn = rng.integers(0, len(share), (500, len(share)))
    low, high = np.percentile(share[drawn].mean(axis=1), [2.5, 97.5])
    return {"n": len(share), "shuffles": SHUFFLES, "ranked_above": float(share.mean()), "interval": [low, high]}


def ranked_above(own: np.ndarray, decoys: np.ndarray) -> np.ndarray:
    """The fraction of each record's decoys (n, S) with a lower score than its own (n,); a tie counts half: (n,)."""
    return (decoys < own[:, None]).mean(axis=1) + 0.5 * (decoys == own[:, None]).mean(axis=1)


def _shuffled(text: str, rng: np.random.Generator) -> str:
    words = text.split(" ") if " " in text else [*text]
    return (" " if " " in text else "").join(words[i] for i in rng.permutation(len(words)))
