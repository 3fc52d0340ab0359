"""Metrics of hidden letters: perplexity, diversity, and recovery, which is `accuracy` over all hidden positions (the
published figure: every letter counts alike) or the mean over sequences.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xmr.metrics.classes import ClassPredictions


def perplexity(found: ClassPredictions) -> float:
    """exp of the mean negative log-likelihood of the true letters; a letter that training lacks counts 1e-9."""
    chance = found.probability[np.arange(len(found.label)), found.label]
    return float(np.exp(-np.log(chance.astype(float).clip(1e-9)).mean()))


def macro_recovery(found: ClassPredictions) -> float:
    """Mean over sequences of the fraction of hidden letters predicted right: a short loop weighs as much as a long one.

    NaN where it is not known which positions belong together.
    """
    if found.record is None or not len(found.record):
        return float("nan")
    hidden = np.bincount(found.record)
    right = np.bincount(found.record, found.predicted == found.label)
    return float((right[hidden > 0] / hidden[hidden > 0]).mean())


def expected_diversity(found: ClassPredictions) -> float:
    """What `diversity` is of very many samples: 100 (1 - mean over positions of sum_k p_k^2)."""
    return float(100 * (1 - np.square(found.probability.astype(float)).sum(axis=1).mean()))


def diversity(samples: Sequence[str]) -> float:
    """100 (1 - mean over pairs i < j of the fraction of positions where samples i and j agree), NaN of fewer than two.

    samples: of one length. Source: ReprogBERT, arXiv 2210.07144, whose code also counts i = j.
    """
    n = len(samples)
    if n < 2 or not samples[0]:
        return float("nan")
    counts = [np.unique(column, return_counts=True)[1] for column in np.array([[*sample] for sample in samples]).T]
    pairs = np.array([each @ (each - 1) for each in counts])  # that agree, both ways round
    return float(100 * (1 - (pairs / (n * (n - 1))).mean()))
