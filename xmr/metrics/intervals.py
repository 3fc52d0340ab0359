"""Bootstrap intervals on one test set: whole records are sampled with replacement."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from xmr.metrics.base import Array

Metrics = Callable[[Array, Tensor, np.ndarray | None], dict[str, float]]


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
    found: dict[str, list[float]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for pick, counts in resamples(len(values), lengths, draws, seed):
            drawn = metrics(values[pick], target[torch.from_numpy(pick)], counts)
            for name, value in drawn.items():
                found.setdefault(name, []).append(value)
    edges = [50 * (1 - level), 50 * (1 + level)]
    return {
        name: [float(x) for x in np.nanpercentile(column, edges)]
        for name, column in found.items()
        if np.isfinite(column).any()
    }


def resamples(
    n: int, lengths: np.ndarray | None, draws: int, seed: int = 0
) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """The rows of each of `draws` bootstrap samples of n rows, and the `lengths` of its records; see `bootstrap`.

    Large per-position sets are sampled 50 times: of 1e5 positions, intervals are narrow.
    """
    rng = np.random.default_rng(seed)
    records = n if lengths is None else len(lengths)
    for _ in range(draws if n < 50_000 else min(draws, 50)):
        pick = rng.integers(0, records, records)
        yield (pick, None) if lengths is None else (rows_of(pick, lengths), lengths[pick])


def rows_of(records: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The rows of some records, in their order, where record i has `lengths[i]` rows."""
    counts = lengths[records]
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat((np.cumsum(lengths) - lengths)[records], counts) + within
