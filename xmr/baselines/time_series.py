"""Forecasts without any source: the last season again, and linear maps from the look-back to the horizon."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.network import Schedule, fit_network
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.core.kinds import SignalBatch
from xmr.data.readers.time_series import carried

STRENGTHS = np.logspace(-2, 5, 8)
AVERAGED = 25  # steps of DLinear's moving average
RATES = (5e-3, 2e-3, 5e-4)  # learning rates of DLinear


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


class DLinear(nn.Module):
    """One linear map of the moving average of a window and one of the rest: DLinear, arXiv 2205.13504."""

    def __init__(self, length: int, horizon: int) -> None:
        super().__init__()
        self.trend, self.rest = nn.Linear(length, horizon), nn.Linear(length, horizon)

    def forward(self, signal: SignalBatch) -> Tensor:
        """(B, 1, L) -> (B, H)."""
        values = signal.values
        padded = F.pad(values, (AVERAGED // 2, AVERAGED // 2), mode="replicate")
        average = F.avg_pool1d(padded, AVERAGED, stride=1)
        return (self.trend(average) + self.rest(values - average))[:, 0]


def dlinear(data: BaselineInput) -> np.ndarray:
    """DLinear by gradient, one for all channels; learning rate and epoch chosen on validation; in z-scores: (n, H)."""
    if not len(data.sets["validation"]):
        return _dlinear(data, RATES[-1])
    errors = []
    for rate in RATES:
        found = _dlinear(replace(data, sets={**data.sets, "test": data.sets["validation"]}), rate)
        errors.append(float(np.nanmean((found - data.targets["validation"]) ** 2)))
    return _dlinear(data, RATES[int(np.argmin(errors))])


def _dlinear(data: BaselineInput, rate: float) -> np.ndarray:
    generators = Generators(data.seed)
    with use_generators(generators):
        model = DLinear(data.sets["test"].values.shape[2], data.task.outputs)
    schedule = Schedule(epochs=10, batch=32, learning_rate=rate, patience=3)
    return fit_network(model, replace(data, precision="full"), schedule, generators)


def _centered(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Windows without their mean and with a constant column, and the mean: (n, L + 1), (n, 1)."""
    mean = values.mean(axis=1, keepdims=True, dtype=np.float64)
    return np.concatenate([values - mean, np.ones((len(values), 1))], axis=1), mean
