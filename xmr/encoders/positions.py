"""The control that shuffles positions: one order of samples or pixels, the same for every record."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def shuffled_order(length: int) -> np.ndarray:
    """The order in which shuffled positions stand: (length,) int64, by a fixed seed."""
    return np.random.default_rng(0).permutation(length)


def shuffle(values: Tensor) -> Tensor:
    """Put the last axis into `shuffled_order`."""
    return values[..., torch.from_numpy(shuffled_order(values.shape[-1])).to(values.device)]


def unshuffle(values: Tensor) -> Tensor:
    """The inverse of `shuffle`: what is varied in training is varied as it stood, and shuffled again."""
    return values[..., torch.from_numpy(np.argsort(shuffled_order(values.shape[-1]))).to(values.device)]
