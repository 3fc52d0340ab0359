"""The probability from which a class or a label is predicted, chosen on held-out records."""

from __future__ import annotations

import numpy as np

LEAST_HELD_OUT = 3  # records of a class with which a threshold can be chosen


def best_threshold(scores: np.ndarray, truth: np.ndarray, usual: float) -> float | None:
    """The threshold of the highest Matthews correlation, in the middle between the two scores around it.

    scores: (n,) probabilities; truth: (n,) who has the class; usual: the fraction of it in training. With fewer than
    three held-out records of a side, the threshold that predicts the class as often as training has it; None where all
    scores are alike.
    """
    order, n = np.argsort(-scores, kind="stable"), len(scores)
    scores, truth = scores[order], truth[order]
    cuts = np.flatnonzero(np.diff(scores)) + 1  # records above each possible threshold
    if not len(cuts):
        return None
    total = truth.sum()
    if min(total, n - total) < LEAST_HELD_OUT:
        best = cuts[np.argmin(np.abs(cuts - max(1.0, n * usual)))]
    else:
        right, spread = np.cumsum(truth)[cuts - 1], np.sqrt(cuts * (n - cuts) * total * (n - total))
        best = cuts[np.argmax((right * n - cuts * total) / spread)]
    return float((scores[best - 1] + scores[best]) / 2)
