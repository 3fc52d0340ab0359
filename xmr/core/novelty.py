"""Novelty detection: which records are unlike those a program was trained on, from a few statistics of them.

A record is new if one of its facts (its length, its sample rate) is beyond 1.5 times the range of training, or if one
of its views (the composition of a sequence, the source's features) lies farther from the mean of training than 99.5 %
of the training records do. The distance is the mean over dimensions of the squared standardized difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from xmr.errors import Problem, ProgramError

BEYOND = 1.5  # times the largest, or the smallest divided by it
QUANTILE = 0.995  # of the training records' distances
ENOUGH = 30  # training records below which nothing is kept
RARE = 0.1  # of the mean standard deviation: a dimension that hardly varied in training counts as if it varied by this


@dataclass(frozen=True)
class View:
    """One way to see a record as a vector: mean and standard deviation in training, (D,), and the largest distance."""

    mean: np.ndarray
    std: np.ndarray
    limit: float

    @classmethod
    def fit(cls, values: np.ndarray) -> Self:
        """values: (n, D) of the training records."""
        n = len(values)
        std = values.std(axis=0, ddof=1)
        std = np.maximum(std, max(RARE * float(std.mean()), 1e-9))
        view = cls(values.mean(axis=0), std, 0.0)
        held_out = (n / (n - 1)) ** 2  # a record's distance from a mean that it is not part of
        return cls(view.mean, view.std, float(np.quantile(view.distance(values), QUANTILE)) * held_out)

    def distance(self, values: np.ndarray) -> np.ndarray:
        """values: (n, D) -> (n,)."""
        return (((values - self.mean) / self.std) ** 2).mean(axis=1)


@dataclass(frozen=True)
class Novelty:
    """ranges: smallest and largest value in training of each fact; views: see `View`."""

    ranges: dict[str, tuple[float, float]]
    views: dict[str, View]

    @classmethod
    def fit(cls, facts: Mapping[str, np.ndarray], views: Mapping[str, np.ndarray]) -> Self | None:
        """Of the training records: facts (n,), views (n, D); None of fewer than 30."""
        if min((len(values) for values in (*facts.values(), *views.values())), default=0) < ENOUGH:
            return None
        ranges = {name: (float(values.min()), float(values.max())) for name, values in facts.items()}
        return cls(ranges, {name: View.fit(values) for name, values in views.items()})

    def reasons(self, facts: Mapping[str, np.ndarray], views: Mapping[str, np.ndarray], n: int) -> list[str]:
        """Why each of n records is new, joined by "; ", or nothing."""
        found: list[list[str]] = [[] for _ in range(n)]
        for name, (low, high) in self.ranges.items():
            values = facts.get(name)
            for i in [] if values is None else np.flatnonzero((values * BEYOND < low) | (values > high * BEYOND)):
                found[i].append(f"{name} {values[i]:.6g} (training {low:.6g} to {high:.6g})")  # type: ignore[index]
        for name, view in self.views.items():
            rows = views.get(name)
            if rows is not None and rows.shape[1:] != view.mean.shape:
                expected = f"{len(view.mean)} as in the program folder"
                raise ProgramError(Problem(name, f"vectors of {rows.shape[1]} numbers", expected))
            distances = np.zeros(n) if rows is None else view.distance(rows)
            for i in np.flatnonzero(distances > view.limit):
                found[i].append(f"{name} (distance {distances[i]:.3g}, limit {view.limit:.3g})")
        return ["; ".join(why) for why in found]

    def state(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Plain JSON and tensors, from which `restore` makes an equal one."""
        tensors = {
            f"{name}.{part}": torch.from_numpy(np.asarray(getattr(view, part), np.float32))
            for name, view in self.views.items()
            for part in ("mean", "std")
        }
        ranges = {name: list(ends) for name, ends in self.ranges.items()}
        return {"ranges": ranges, "limits": {name: view.limit for name, view in self.views.items()}}, tensors

    @classmethod
    def restore(cls, state: dict[str, Any], tensors: Mapping[str, Tensor]) -> Self:
        """The inverse of `state`. Raises KeyError, TypeError or ValueError for what `state` does not give."""
        ranges = {str(name): (float(low), float(high)) for name, (low, high) in state["ranges"].items()}
        views = {}
        for name, limit in state["limits"].items():
            mean, std = (tensors[f"{name}.{part}"].double().numpy() for part in ("mean", "std"))
            if mean.ndim != 1 or mean.shape != std.shape or not (std > 0).all():
                raise ValueError(f"statistics of {name} with the shapes {mean.shape} and {std.shape}")
            views[str(name)] = View(mean, std, float(limit))
        return cls(ranges, views)
