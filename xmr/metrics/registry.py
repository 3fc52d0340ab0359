"""The metrics by name. A third party adds one by the entry-point group `xmr.metrics` or in a plugin:

`METRICS.add(Metric("top_3", "the true class among the likeliest three", function, ("classification",)))`
"""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from xmr.core.registry import OpenList
from xmr.errors import RecipeError, one_of
from xmr.metrics import classes, infilling, numbers
from xmr.metrics.base import Metric


class MetricRegistry(OpenList[Metric]):
    """Metrics in the order of their registration, which is that of metrics.json."""

    def add(self, metric: Metric) -> None:
        """Register a metric. Raises RecipeError if another one has its name."""
        if any(each.name == metric.name and each != metric for each in self._items):
            raise RecipeError(f"metric {metric.name!r} is already registered")
        super().add(metric)

    def get(self, name: str, place: str = "metric") -> Metric:
        """The metric `name`; `auroc[label]` is that of one label. Raises RecipeError with the nearest names."""
        known = {metric.name: metric for metric in self}
        plain = name.partition("[")[0]
        if plain not in known:
            raise RecipeError(one_of(place, name, known))
        return known[plain]

    def scores(self, tasks: Collection[str], predictions: Any) -> dict[str, float]:
        """Every metric of one of these tasks: name -> value."""
        return {metric.name: metric.function(predictions) for metric in self if {*tasks} & {*metric.tasks}}


def higher_is_better(name: str) -> bool:
    """Whether larger values of the metric `name` are better. Raises RecipeError if there is no such metric."""
    return METRICS.get(name).higher_is_better


_CLASSES = ("classification", "multilabel", "sequence_labeling")
_RANKED = ("classification", "multilabel")
_NUMBERS = ("regression",)
_HIDDEN = ("infilling",)
_FRACTION, _CORRELATION, _ERROR = (0.0, 1.0), (-1.0, 1.0), (0.0, math.inf)
METRICS = MetricRegistry(
    "xmr.metrics",
    [
        Metric("accuracy", "fraction of records predicted right", classes.accuracy, _CLASSES, True, _FRACTION),
        Metric("balanced_accuracy", "mean accuracy over classes", classes.balanced_accuracy, _CLASSES, True, _FRACTION),
        Metric("mcc", "Matthews correlation", classes.matthews, _CLASSES, True, _CORRELATION),
        Metric("f1", "macro F1, as scikit-learn", classes.f1, _CLASSES, True, _FRACTION),
        Metric("auroc", "area under the ROC curve", classes.auroc, _RANKED, True, _FRACTION),
        Metric("auprc", "average precision", classes.auprc, _RANKED, True, _FRACTION),
        Metric("brier", "squared error of probabilities, as scikit-learn", classes.brier, _CLASSES, False, (0.0, 2.0)),
        Metric("ece", "expected calibration error", classes.expected_calibration_error, _CLASSES, False, _FRACTION),
        Metric("aar", "fraction of hidden letters predicted right", classes.accuracy, _HIDDEN, True, _FRACTION),
        Metric(
            "macro_aar",
            "mean over sequences of the fraction of hidden letters predicted right",
            infilling.macro_recovery,
            _HIDDEN,
            True,
            _FRACTION,
        ),
        Metric("perplexity", "of the hidden letters", infilling.perplexity, _HIDDEN, False, (1.0, math.inf)),
        Metric(
            "diversity",
            "percentage of letters in which two samples differ",
            infilling.expected_diversity,
            _HIDDEN,
            bounds=(0.0, 100.0),
            judges=False,
        ),
        Metric("spearman", "rank correlation", numbers.spearman, _NUMBERS, True, _CORRELATION),
        Metric("pearson", "correlation", numbers.pearson, _NUMBERS, True, _CORRELATION),
        Metric("mse", "mean squared error", numbers.mean_squared_error, ("forecasting",), False, _ERROR),
        Metric("rmse", "root mean squared error", numbers.root_mean_squared_error, _NUMBERS, False, _ERROR),
        Metric("mae", "mean absolute error", numbers.mean_absolute_error, (*_NUMBERS, "forecasting"), False, _ERROR),
        Metric("r2", "explained fraction of the variance", numbers.r2, _NUMBERS, True, (-math.inf, 1.0)),
    ],
)
