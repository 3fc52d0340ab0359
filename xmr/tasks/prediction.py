"""What a program predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Prediction:
    """Predictions in the order of the records. values: (R, K) probabilities, or numbers in the target's own units.

    spread: (R, K) standard deviation between the programs of an ensemble, zero for one program. For tasks with a label
    at every position both hold the positions of all records end to end, and `lengths` the number of each record.
    """

    ids: list[str]
    values: np.ndarray
    spread: np.ndarray
    lengths: np.ndarray | None = None
