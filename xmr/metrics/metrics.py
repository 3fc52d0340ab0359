"""The metrics of each task. Each is computed over all records at once, never as a mean over batches."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr
from sklearn import metrics as sk

Array = NDArray[np.floating]


def headline(metric: str, values: Mapping[str, float | None]) -> str:
    """The headline of a result: `metric`, or the first that is defined (a set with one class has no AUROC)."""
    return next((name for name in (metric, *values) if is_defined(values.get(name))), metric)


def is_defined(value: float | None) -> bool:
    """Whether a metric is a number; metrics.json has null for one that is not defined."""
    return value is not None and math.isfinite(value)


def higher_is_better(metric: str) -> bool:
    """False for errors, True for all other metrics."""
    return metric not in ("mse", "mae", "rmse", "brier", "ece")


def classification_metrics(
    probability: Array, label: np.ndarray, full: bool = True, positive: int = 1
) -> dict[str, float]:
    """accuracy, balanced accuracy, MCC, macro F1; AUROC, AUPRC (one-vs-rest macro for more than two classes), Brier,
    ECE.

    positive: the positive class for AUROC and AUPRC of a binary task.
    """
    classes = probability.shape[1]
    chosen = probability.argmax(axis=1)
    table = np.bincount(label * classes + chosen, minlength=classes * classes).reshape(classes, classes).astype(float)
    right, truth, answered = table.diagonal(), table.sum(axis=1), table.sum(axis=0)
    present = truth > 0
    result = {
        "accuracy": float((chosen == label).mean()),
        "balanced_accuracy": float((right[present] / truth[present]).mean()),
        "mcc": matthews(table),
        "f1": float((2 * right[present] / (truth + answered)[present]).mean()),
    }
    if full:
        columns = [positive] if classes == 2 else range(classes)
        usable = [c for c in columns if 0 < truth[c] < len(label)]
        truths, scores = label[:, None] == np.array(usable, dtype=int), probability[:, usable]
        result["auroc"] = _mean(areas(scores, truths))
        result["auprc"] = _mean(average_precisions(scores, truths))
    one_hot = np.eye(classes)[label]
    result["brier"] = float(((probability - one_hot) ** 2).sum(axis=1).mean())
    result["ece"] = calibration_error(probability.max(axis=1), chosen == label)
    return result


def matthews(table: Array) -> float:
    """Matthews correlation of a confusion matrix (truth, prediction); 0 if one side has a single class."""
    truth, answered, n = table.sum(axis=1), table.sum(axis=0), table.sum()
    spread = np.sqrt(n**2 - (truth**2).sum()) * np.sqrt(n**2 - (answered**2).sum())
    return float((table.trace() * n - truth @ answered) / spread) if spread > 0 else 0.0


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


def calibration_error(confidence: Array, correct: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error with equal-width bins. Source: Guo et al. 2017, arXiv 1706.04599."""
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    count = np.bincount(place, minlength=bins)
    gap = np.abs(np.bincount(place, confidence, bins) - np.bincount(place, correct.astype(float), bins))
    return float(gap.sum() / max(1, count.sum()))


def multilabel_metrics(probability: Array, truth: Array, names: tuple[str, ...]) -> dict[str, float]:
    """The mean over labels of each binary metric, and AUROC and accuracy of every label by name."""
    each: list[dict[str, float]] = []
    for column in range(len(names)):
        known = ~np.isnan(truth[:, column])
        score = probability[known, column]
        both = np.stack([1 - score, score], axis=1)
        each.append(classification_metrics(both, truth[known, column].astype(int)))
    result = {key: _mean([one[key] for one in each]) for key in each[0]}
    for name, one in zip(names, each):
        result[f"auroc[{name}]"] = one["auroc"]
        result[f"accuracy[{name}]"] = one["accuracy"]
    return result


def forecast_metrics(value: Array, truth: Array) -> dict[str, float]:
    """MSE and MAE over all windows, channels and known steps, in z-scores: the mean over all samples."""
    error = (value - truth)[~np.isnan(truth)]
    return {"mse": float(np.mean(np.square(error, dtype=np.float64))), "mae": float(np.mean(np.abs(error)))}


def regression_metrics(value: Array, truth: Array) -> dict[str, float]:
    """Spearman, Pearson, RMSE, MAE, R2. Correlations of a constant are NaN."""
    varies = np.ptp(value) > 0 and np.ptp(truth) > 0
    return {
        "spearman": float(spearmanr(value, truth).statistic) if varies else float("nan"),
        "pearson": float(np.corrcoef(value, truth)[0, 1]) if varies else float("nan"),
        "rmse": float(np.sqrt(np.mean((value - truth) ** 2))),
        "mae": float(np.mean(np.abs(value - truth))),
        "r2": float(sk.r2_score(truth, value)) if len(truth) > 1 else float("nan"),
    }


def _mean(values: list[float]) -> float:
    """Mean of the defined values (a label with one class in this set has no AUROC)."""
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
