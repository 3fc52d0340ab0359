"""A metric, and whether its value is defined."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Metric:
    """A number computed over all records at once, never as a mean over batches.

    function: what a task predicted -> the value, NaN where it is not defined; it gets a `ClassPredictions` from tasks
    of classes and labels, a `NumberPredictions` from tasks of numbers. tasks: the names of those that report it.
    bounds: the lowest and highest value that it can have. judges: whether right predictions have the best value;
    otherwise it only describes predictions.
    """

    name: str
    summary: str
    function: Callable[[Any], float]
    tasks: tuple[str, ...]
    higher_is_better: bool = True
    bounds: tuple[float, float] = (-math.inf, math.inf)
    judges: bool = True


def headline(metric: str, values: Mapping[str, float | None]) -> str:
    """The headline of a result: `metric`, or the first that is defined (a set with one class has no AUROC)."""
    return next((name for name in (metric, *values) if is_defined(values.get(name))), metric)


def is_defined(value: float | None) -> bool:
    """Whether a metric is a number; metrics.json has null for one that is not defined."""
    return value is not None and math.isfinite(value)


def mean_of_defined(values: list[float]) -> float:
    """Mean of the defined values (a label with one class in this set has no AUROC)."""
    defined = [value for value in values if np.isfinite(value)]
    return float(np.mean(defined)) if defined else float("nan")
