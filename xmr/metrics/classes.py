"""Metrics of predicted probabilities of classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.stats import rankdata

from xmr.metrics.base import Array, mean_of_defined


@dataclass(frozen=True)
class ClassPredictions:
    """probability: (n, K); label: (n,) true class numbers; positive: the class AUROC and AUPRC of two are about.

    yes_or_no: the two classes are the absence and presence of one of several labels. decided: (n,) the predicted class
    numbers, where they are not the most likely ones. record: (n,) the record of each position, where that is known.
    """

    probability: Array
    label: np.ndarray
    positive: int = 1
    yes_or_no: bool = False
    decided: np.ndarray | None = None
    record: np.ndarray | None = None

    @cached_property
    def predicted(self) -> np.ndarray:
        """The predicted class of each record, (n,)."""
        return self.probability.argmax(axis=1) if self.decided is None else self.decided

    @cached_property
    def confusion(self) -> Array:
        """Records of each (true, predicted) pair of classes, (K, K)."""
        classes = self.probability.shape[1]
        pairs = np.bincount(self.label * classes + self.predicted, minlength=classes * classes)
        return pairs.reshape(classes, classes).astype(float)

    @cached_property
    def occurring(self) -> np.ndarray:
        """Whether each class is the true one of any record, (K,)."""
        return self.confusion.sum(axis=1) > 0

    @cached_property
    def one_vs_rest(self) -> tuple[Array, np.ndarray]:
        """Probability and truth of each class that some records have and others do not, both (n, C); of two classes the
        positive one alone.
        """
        classes, truth = self.probability.shape[1], self.confusion.sum(axis=1)
        columns = [self.positive] if classes == 2 else range(classes)
        usable = [c for c in columns if 0 < truth[c] < len(self.label)]
        return self.probability[:, usable], self.label[:, None] == np.array(usable, dtype=int)


def accuracy(found: ClassPredictions) -> float:
    """Fraction of records whose predicted class is the true one."""
    return float((found.predicted == found.label).mean())


def balanced_accuracy(found: ClassPredictions) -> float:
    """Mean over the classes that occur of the fraction predicted right."""
    right, truth = found.confusion.diagonal(), found.confusion.sum(axis=1)
    return float((right[found.occurring] / truth[found.occurring]).mean())


def f1(found: ClassPredictions) -> float:
    """Harmonic mean of precision and recall: of a label's presence, or the mean over classes.

    Classes that are neither true nor predicted do not count; scikit-learn's `f1_score(average="macro")`.
    """
    right, both = found.confusion.diagonal(), found.confusion.sum(axis=1) + found.confusion.sum(axis=0)
    each = 2 * right / np.maximum(both, 1)
    return float(each[1] if found.yes_or_no else each[both > 0].mean())


def matthews(found: ClassPredictions) -> float:
    """Matthews correlation; 0 if truth or prediction has a single class."""
    table = found.confusion
    truth, answered, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    spread = np.sqrt(n**2 - (truth**2).sum()) * np.sqrt(n**2 - (answered**2).sum())
    return float((table.trace() * n - truth @ answered) / spread) if spread > 0 else 0.0


def auroc(found: ClassPredictions) -> float:
    """Area under the ROC curve, one-vs-rest and averaged for more than two classes."""
    return mean_of_defined(areas(*found.one_vs_rest))


def auprc(found: ClassPredictions) -> float:
    """Average precision, one-vs-rest and averaged for more than two classes."""
    return mean_of_defined(average_precisions(*found.one_vs_rest))


def brier(found: ClassPredictions) -> float:
    """Squared error of the probabilities: of the positive class, or summed over more than two classes.

    scikit-learn's `brier_score_loss`. Source: Brier 1950, doi 10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.
    """
    classes = found.probability.shape[1]
    error = (np.eye(classes)[found.label] - found.probability) ** 2
    return float(error.sum(axis=1).mean() * (0.5 if classes == 2 else 1))


def expected_calibration_error(found: ClassPredictions) -> float:
    """See `calibration_error`."""
    return calibration_error(found.probability.max(axis=1), found.predicted == found.label)


def areas(scores: Array, truths: np.ndarray) -> list[float]:
    """Area under the ROC curve of each column, both (n, K), each truth with both classes: the Mann-Whitney statistic.

    Equal to scikit-learn's, which checks its input for each class of each bootstrap sample (docs/performance.md).
    """
    if not scores.size:
        return []
    yes = truths.sum(axis=0)
    ranks = np.where(truths, rankdata(scores, axis=0), 0).sum(axis=0)
    return ((ranks - yes * (yes + 1) / 2) / (yes * (len(scores) - yes))).tolist()


def average_precisions(scores: Array, truths: np.ndarray) -> list[float]:
    """Average precision of each column, equal to scikit-learn's."""
    if not scores.size:
        return []
    order = np.argsort(-scores, axis=0, kind="stable")
    ranked, found = np.take_along_axis(scores, order, 0), np.cumsum(np.take_along_axis(truths, order, 0), axis=0)
    precision = found / np.arange(1, len(scores) + 1)[:, None]
    result = []
    for column in range(scores.shape[1]):
        ends = np.append(np.flatnonzero(np.diff(ranked[:, column])), len(scores) - 1)
        gained = np.diff(found[ends, column], prepend=0)
        result.append(float(gained @ precision[ends, column] / found[-1, column]))
    return result


def calibration_error(confidence: Array, correct: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error with equal-width bins. Source: Guo et al. 2017, arXiv 1706.04599."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, confidence, bins) - np.bincount(place, correct.astype(float), bins))
    return float(gap.sum() / max(1, count.sum()))
