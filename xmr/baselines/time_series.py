"""Forecasts without any source: the last season again, and one linear map from the look-back to the horizon."""

from __future__ import annotations

import numpy as np

from xmr.baselines.base import BaselineInput
from xmr.data.readers.time_series import carried

STRENGTHS = np.logspace(-2, 5, 8)


def last_value(data: BaselineInput) -> np.ndarray:
    """The last value of each window repeated, in z-scores: (n, H)."""
    return np.repeat(_windows(data, "test")[:, -1:], data.task.outputs, axis=1)


def seasonal_naive(data: BaselineInput) -> np.ndarray:
    """The last season of each window repeated, in z-scores: (n, H)."""
    horizon, seen = data.task.outputs, _windows(data, "test")
    season = min(data.season, seen.shape[1])
    return np.tile(seen[:, -season:], (1, -(-horizon // season)))[:, :horizon]


def _windows(data: BaselineInput, part: str) -> np.ndarray:
    return data.sets[part].values[:, 0].numpy()


def linear(data: BaselineInput) -> np.ndarray:
    """y = W (x - m) + m with m the mean of the window, one W for all channels, its ridge chosen on validation.

    In closed form from the normal equations, so that no window is held twice; a missing future step is learned as the
    one before it. Source: the linear models of DLinear, arXiv 2205.13504, with the mean taken out (NLinear takes the
    last value).
    """
    horizon, seen = data.task.outputs, _windows(data, "test")
    width = seen.shape[1] + 1
    gram, cross = np.zeros((width, width)), np.zeros((width, horizon))
    values, target = _windows(data, "train"), data.targets["train"]
    for begin in range(0, len(values), 8192):
        some = slice(begin, begin + 8192)
        x, mean = _centered(values[some])
        to_come = carried(np.concatenate([values[some, -1:], target[some]], axis=1).T).T[:, 1:]
        gram += x.T @ x
        cross += x.T @ (to_come - mean)
    checked = _windows(data, "validation")
    best: tuple[float, np.ndarray] | None = None
    for strength in STRENGTHS:
        penalty = np.full(width, strength)
        penalty[-1] = 0
        weight = np.linalg.solve(gram + np.diag(penalty + 1e-6), cross)
        error = 0.0
        if len(checked):
            x, mean = _centered(checked)
            error = float(np.nanmean((x @ weight + mean - data.targets["validation"]) ** 2))
        if best is None or error < best[0]:
            best = error, weight
    assert best is not None
    x, mean = _centered(seen)
    return x @ best[1] + mean


def _centered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows without their mean and with a constant column, and the mean: (n, L + 1), (n, 1)."""
    mean = values.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.concatenate([values - mean, np.ones((len(values), 1))], axis=1), mean
