"""A temperature that calibrates probabilities, fitted on held-out records."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.optimize import minimize_scalar
from scipy.special import softmax
from torch import Tensor

from xmr.metrics.base import Array

BOUNDS = (-3.0, 3.0)  # of log T


def best_temperature(each: Array, truth: np.ndarray, combined: Callable[[Tensor], Tensor]) -> float:
    """The T for which softmax(logits / T) of the programs, combined, makes the classes of held-out records most likely.

    each: (N, n, K) probabilities of N programs, whose logarithms are logits; truth: (n,) class numbers; combined: as
    `Task.combined`. A true class counts (n + 1) / (n + 2) and the others have the rest, so that a few records that are
    all right do not make T zero. 1 without records. Source: Guo et al. 2017, arXiv 1706.04599; the targets: Platt 1999.
    """
    n, classes = len(truth), each.shape[2]
    if not n:
        return 1.0
    logits = np.log(each.astype(float).clip(1e-9))
    target = np.full((n, classes), 1 / (n + 2) / (classes - 1))
    target[np.arange(n), truth] = (n + 1) / (n + 2)

    def loss(log_t: float) -> float:
        """Cross-entropy of the targets."""
        chance = combined(torch.from_numpy(softmax(logits / np.exp(log_t), axis=2))).numpy()
        return -float((target * np.log(chance.clip(1e-300))).sum())

    return float(np.exp(minimize_scalar(loss, bounds=BOUNDS, method="bounded").x))
