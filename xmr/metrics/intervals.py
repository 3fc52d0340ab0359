"""Bootstrap intervals on one test set: whole records are sampled with replacement."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from xmr.metrics.base import Array

Metrics = Callable[[Array, Tensor], dict[str, float]]


def bootstrap(
    metrics: Metrics,
    values: Array,
    target: Tensor,
    lengths: np.ndarray | None = None,
    draws: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, list[float]]:
    """Percentile interval of every metric: name -> [low, high].

    lengths: positions per record, for per-position tasks, which are sampled by record.
    """
    rng = np.random.default_rng(seed)
    found: dict[str, list[float]] = {}
    n = len(values) if lengths is None else len(lengths)
    first = None if lengths is None else np.concatenate([[0], np.cumsum(lengths)])
    draws = draws if len(values) < 50_000 else 50  # per-position sets have 1e5 positions: their intervals are narrow
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(draws):
            pick = rng.integers(0, n, n)
            if first is not None and lengths is not None:
                counts = lengths[pick]
                within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
                pick = np.repeat(first[pick], counts) + within
            drawn = metrics(values[pick], target[torch.from_numpy(pick)])
            for name, value in drawn.items():
                found.setdefault(name, []).append(value)
    edges = [50 * (1 - level), 50 * (1 + level)]
    return {
        name: [float(x) for x in np.nanpercentile(column, edges)]
        for name, column in found.items()
        if np.isfinite(column).any()
    }
