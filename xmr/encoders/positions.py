"""The control that shuffles positions: one order of samples or pixels, the same for every record."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor


def shuffled_order(length: int) -> np.ndarray:
    """The order in which shuffled positions stand: (length,) int64, by a fixed seed."""
    return np.random.default_rng(0).permutation(length)


def shuffle(values: Tensor) -> Tensor:
    """Put the last axis into `shuffled_order`."""
    return values[..., _there_and_back(values.shape[-1])[0].to(values.device)]


def unshuffle(values: Tensor) -> Tensor:
    """The inverse of `shuffle`: what is varied in training is varied as it stood, and shuffled again."""
    return values[..., _there_and_back(values.shape[-1])[1].to(values.device)]


@lru_cache(maxsize=8)
def _there_and_back(length: int) -> tuple[Tensor, Tensor]:
    order = shuffled_order(length)
    return torch.from_numpy(order), torch.from_numpy(np.argsort(order))
