"""Batches of records of similar length within a token budget; planned once per epoch, without a loop over records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch

CPU_TOKENS, GPU_TOKENS = 4096, 8192  # padded tokens per batch when predicting; on a CPU larger batches are slower
SMALLEST = 4096  # batches are not made more times smaller
POOL = 16  # batches shuffled together before they are sorted by length


def tokens_at_once(device: torch.device) -> int:
    """Padded tokens per batch of a pass without gradient."""
    return CPU_TOKENS if device.type == "cpu" else GPU_TOKENS


def budget_batches(cost: np.ndarray, width: np.ndarray, order: np.ndarray, tokens: int) -> Iterator[np.ndarray]:
    """Cut `order` (record indices, longest first) into batches of at most `tokens` padded tokens.

    cost: tokens of each record over all its rows; width: tokens of its longest row. A record larger than the budget
    becomes its own batch.
    """
    rows = np.maximum(1, -(-cost // np.maximum(width, 1)))[order]
    filled = np.concatenate([[0], np.cumsum(rows)])
    begin = 0
    while begin < len(order):
        fit = max(1, tokens // max(1, int(width[order[begin]])))
        end = int(np.searchsorted(filled, filled[begin] + fit, side="right")) - 1
        end = max(end, begin + 1)
        yield order[begin:end]
        begin = end


def training_batches(cost: np.ndarray, width: np.ndarray, tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
    """One epoch: every record once, in random batches of records of similar length, in random order."""
    shuffled = rng.permutation(len(cost))
    jittered = width * (1 + 0.1 * rng.random(len(width)))  # so that batches of a small data set differ between epochs
    step = max(1, POOL * tokens // max(1, int(cost.mean()))) if len(cost) else 1
    batches: list[np.ndarray] = []
    for begin in range(0, len(shuffled), step):
        pool = shuffled[begin : begin + step]
        pool = pool[np.argsort(-jittered[pool], kind="stable")]
        batches.extend(budget_batches(cost, width, pool, tokens))
    return [batches[i] for i in rng.permutation(len(batches))]


def inference_batches(cost: np.ndarray, width: np.ndarray, tokens: int) -> list[np.ndarray]:
    """Every record once, longest first, with minimal padding."""
    order = np.argsort(-width, kind="stable")
    return list(budget_batches(cost, width, order, tokens))


T = TypeVar("T")


def within_memory(compute: Callable[[int], T], shrink: int = 1) -> T:
    """What `compute` gives for a factor by which its batches are smaller, doubled as long as the device lacks memory.

    Accelerate tells which errors mean that. Raises what `compute` raised otherwise.
    """
    try:
        return compute(shrink)
    except RuntimeError as error:
        from accelerate.utils.memory import should_reduce_batch_size

        if not should_reduce_batch_size(error):
            raise
    from accelerate.utils import find_executable_batch_size

    size = SMALLEST // (2 * shrink)

    def halved() -> int:
        """The next size to try; accelerate gives up at zero."""
        nonlocal size
        size //= 2
        return size

    return find_executable_batch_size(lambda size: compute(SMALLEST // size), size, halved)()
