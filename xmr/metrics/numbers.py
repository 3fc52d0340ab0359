"""Metrics of predicted numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import r2_score

from xmr.metrics.base import Array


@dataclass(frozen=True)
class NumberPredictions:
    """value, truth: predicted and true numbers, of one shape; NaN in truth is not known and does not count."""

    value: Array
    truth: Array

    @cached_property
    def error(self) -> Array:
        """Prediction minus truth of all known numbers, (n,)."""
        return (self.value - self.truth)[~np.isnan(self.truth)]

    @cached_property
    def varies(self) -> bool:
        """Whether neither side is constant."""
        return bool(np.ptp(self.value) > 0 and np.ptp(self.truth) > 0)


def spearman(found: NumberPredictions) -> float:
    """Spearman's rank correlation; NaN if a side is constant."""
    return float(spearmanr(found.value, found.truth).statistic) if found.varies else float("nan")


def pearson(found: NumberPredictions) -> float:
    """Pearson's correlation; NaN if a side is constant."""
    return float(np.corrcoef(found.value, found.truth)[0, 1]) if found.varies else float("nan")


def mean_squared_error(found: NumberPredictions) -> float:
    """Mean squared error."""
    return float(np.mean(np.square(found.error, dtype=np.float64)))


def root_mean_squared_error(found: NumberPredictions) -> float:
    """Square root of the mean squared error."""
    return float(np.sqrt(np.mean(found.error**2)))


def mean_absolute_error(found: NumberPredictions) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(found.error)))


def r2(found: NumberPredictions) -> float:
    """Explained fraction of the variance."""
    return float(r2_score(found.truth, found.value)) if len(found.truth) > 1 else float("nan")
