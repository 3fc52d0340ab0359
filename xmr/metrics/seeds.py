"""Mean and standard deviation over seeds of a recipe and the baselines on the same splits, with a paired test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.stats import t, ttest_rel


def paired_p(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Two-sided p of a paired t-test over seeds: 1 if all agree, NaN with fewer than two pairs."""
    if len(ours) != len(theirs) or len(ours) < 2:
        return float("nan")
    if np.allclose(ours, theirs, rtol=1e-9, atol=1e-12):
        return 1.0
    with warnings.catch_warnings():  # the same difference on every split: p is 0, and scipy warns about precision
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(ttest_rel(ours, theirs).pvalue)


def corrected_interval(
    values: Sequence[float], folds: int, bounds: tuple[float, float] = (-np.inf, np.inf), level: float = 0.95
) -> list[float]:
    """Interval of the mean over the folds of one or several cross-validations: a t interval whose variance is corrected
    for training sets that share records. Source: Nadeau & Bengio, Inference for the generalization error, 2003.

    bounds: of the metric, which the interval does not leave.
    """
    mean, n = float(np.mean(values)), len(values)
    if n < 2:
        return [mean, mean]
    half = t.ppf((1 + level) / 2, n - 1) * np.std(values, ddof=1) * np.sqrt(1 / n + 1 / (folds - 1))
    return [max(bounds[0], mean - float(half)), min(bounds[1], mean + float(half))]


def _metrics(row: dict[str, Any]) -> dict[str, Any]:
    """The metrics of a baseline or control, without its costs and intervals."""
    return {key: value for key, value in row.items() if key not in ("seconds", "peak_memory_mib", "interval")}


def summarize(results: list[dict[str, Any]]) -> dict[str, Any]:
    """metrics.json of several seeds -> mean, standard deviation and values by row and metric.

    `paired`: for each baseline and metric, the two-sided p of a paired t-test over the seeds.
    """
    rows = {"program": [result["test"] for result in results]}
    for kind, prefix in (("baselines", ""), ("controls", "control: ")):
        for name in results[0].get(kind, {}):
            if all(name in result.get(kind, {}) for result in results):
                rows[f"{prefix}{name}"] = [_metrics(result[kind][name]) for result in results]
    table: dict[str, dict[str, Any]] = {}
    for name, each in rows.items():
        table[name] = {}
        for metric in each[0]:
            values = [one[metric] for one in each]
            if all(value is not None and np.isfinite(value) for value in values):
                deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
                table[name][metric] = {"mean": float(np.mean(values)), "sd": deviation, "values": values}
    paired: dict[str, dict[str, float]] = {}
    for name in list(table)[1:]:
        paired[name] = {}
        for metric in set(table[name]) & set(table["program"]):
            p = paired_p(table["program"][metric]["values"], table[name][metric]["values"])
            if np.isfinite(p):
                paired[name][metric] = p
    seconds = [sum(result["seconds"].values()) for result in results]
    return {
        "seeds": [result["seed"] for result in results],
        "rows": table,
        "paired": paired,
        "seconds": {"mean": float(np.mean(seconds))},
        "trainable_parameters": results[0]["trainable_parameters"],
    }
