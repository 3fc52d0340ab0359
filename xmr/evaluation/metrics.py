"""The metrics of each task. Every one is computed over all records at once, never as a mean of batches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn import metrics as sk
from torch import Tensor

from xmr.data.targets import IGNORE, Targets, Task

Array = NDArray[np.floating]


def main_metric(task: Task, classes: int) -> str:
    """What the best epoch is chosen by, on validation, and what a report opens with: accuracy beyond two classes."""
    return {
        "classification": "auroc" if classes <= 2 else "accuracy",
        "multilabel": "auroc",
        "regression": "spearman",
        "residue_classification": "accuracy",
    }[task]


def metrics_of(task: Task, values: Array, target: Tensor | Array, targets: Targets) -> dict[str, float]:
    """All metrics of a task; NaN where one is not defined (AUROC of a single class).

    values: (n, K) probabilities or regression values in their own units; target: as `Targets.encode` gives it.
    """
    truth = np.asarray(target)
    if task == "regression":
        return regression_metrics(values[:, 0], targets.own_units(truth)[:, 0])
    if task == "multilabel":
        return multilabel_metrics(values, truth, targets.names)
    scored = truth != IGNORE
    return classification_metrics(values[scored], truth[scored], task == "classification", targets.positive_class)


def classification_metrics(
    probability: Array, label: np.ndarray, full: bool = True, positive: int = 1
) -> dict[str, float]:
    """accuracy, balanced accuracy, MCC, macro F1; AUROC, AUPRC (one-vs-rest macro beyond two classes), Brier, ECE.

    positive: the class AUROC and AUPRC of a binary task are about.
    """
    classes = probability.shape[1]
    chosen = probability.argmax(axis=1)
    present = np.unique(label)
    recall = [float((chosen[label == c] == c).mean()) for c in present]
    result = {
        "accuracy": float((chosen == label).mean()),
        "balanced_accuracy": float(np.mean(recall)),
        "mcc": float(sk.matthews_corrcoef(label, chosen)) if len(present) > 1 else 0.0,
        "f1": float(sk.f1_score(label, chosen, labels=present, average="macro", zero_division=0.0)),
    }
    if full:
        columns = [positive] if classes == 2 else range(classes)
        truths = [label == c for c in columns]
        usable = [(truth, probability[:, c]) for truth, c in zip(truths, columns) if 0 < truth.sum() < len(truth)]
        result["auroc"] = _mean([sk.roc_auc_score(truth, score) for truth, score in usable])
        result["auprc"] = _mean([sk.average_precision_score(truth, score) for truth, score in usable])
    one_hot = np.eye(classes)[label]
    result["brier"] = float(((probability - one_hot) ** 2).sum(axis=1).mean())
    result["ece"] = calibration_error(probability.max(axis=1), chosen == label)
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
    """Mean of what is defined (a label of one class in this part has no AUROC)."""
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
