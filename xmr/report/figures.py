"""Figures of the predictions on the test part, by the names that a task lists in `figures`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from xmr.core.prediction import IGNORE
from xmr.report import plots
from xmr.report.thresholds import threshold_table

# (task, truth as `Task.encode` gives it, predictions (n, K), those of each baseline) -> SVG
Figure = Callable[[Any, np.ndarray, np.ndarray, dict[str, np.ndarray]], list[str]]


def confusion(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """True against predicted classes."""
    scored = (truth != IGNORE) & (truth < task.outputs)
    return [plots.svg(plots.confusion(truth[scored], task.decide(values[scored]), task.names))]


def reliability(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """Accuracy against the probability of the predicted class."""
    scored = (truth != IGNORE) & (truth < task.outputs)
    correct = values[scored].argmax(axis=1) == truth[scored]
    return [plots.svg(plots.reliability(values[scored].max(axis=1), correct))]


def binary_curves(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """ROC and precision-recall of two classes, with the two best baselines; a table of thresholds."""
    one = task.positive_class
    label = truth == one
    if task.outputs != 2 or not 0 < label.sum() < len(label):
        return []
    areas = {name: float(roc_auc_score(label, found[:, one])) for name, found in baselines.items()}
    best = sorted(areas, key=lambda name: -np.nan_to_num(areas[name]))[:2]
    curves = {"program": (label, values[:, one]), **{name: (label, baselines[name][:, one]) for name in best}}
    table = threshold_table(values[:, one], label, task.names[one], task.threshold)
    return [plots.svg(plots.roc(curves)), plots.svg(plots.precision_recall(curves)), table]


def label_curves(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """ROC and precision-recall of each label."""
    curves = {}
    for column, name in enumerate(task.names):
        known = ~np.isnan(truth[:, column])
        if 0 < truth[known, column].sum() < known.sum():
            curves[name] = (truth[known, column], values[known, column])
    return [plots.svg(plots.roc(curves)), plots.svg(plots.precision_recall(curves))]


def scatter(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """Predicted against true numbers of the first column."""
    return [plots.svg(plots.scatter(values[:, 0], task.own_units(truth)[:, 0], task.names[0]))]


def error_by_step(task: Any, truth: np.ndarray, values: np.ndarray, baselines: dict[str, np.ndarray]) -> list[str]:
    """The error of each step of a forecast, with the baselines."""
    return [plots.svg(plots.error_by_step(truth, values, baselines))]


FIGURES: dict[str, Figure] = {
    figure.__name__: figure for figure in (confusion, reliability, binary_curves, label_curves, scatter, error_by_step)
}
