"""What a program predicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

IGNORE = -100  # a position that is not scored (torch's own convention for cross-entropy)


@dataclass(frozen=True)
class Prediction:
    """Predictions in the order of the records. values: (R, K) probabilities, or numbers in the target's own units.

    std: (R, K) standard deviation between the programs of an ensemble, zero for one program. For tasks with a label at
    every position both hold the positions of all records end to end, and `lengths` the number of each record. texts:
    the canonical inputs, where letters in them are predicted.
    """

    ids: list[str]
    values: np.ndarray
    std: np.ndarray
    lengths: np.ndarray | None = None
    texts: list[str] | None = None

    @classmethod
    def of(cls, ids: list[str], each: Tensor, combined: Tensor, lengths: np.ndarray | None = None) -> Self:
        """each: (N, R, K), the predictions of each program of an ensemble; combined: (R, K), as `Task.combined`."""
        std = each.std(dim=0) if len(each) > 1 else torch.zeros_like(each[0])
        return cls(ids, combined.numpy(), std.numpy(), lengths)
