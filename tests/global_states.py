"""What the caller's global generators are at, and a guard that a call leaves them there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def states() -> tuple[bytes, tuple]:
    """torch's and numpy's, as something that compares. (Python's own is drawn from by beartype, in tests.)"""
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return torch.get_rng_state().numpy().tobytes(), (kind, keys.tobytes(), *rest)


@contextmanager
def left_alone() -> Iterator[None]:
    """Raises AssertionError for a block that moves a global generator."""
    before = states()
    yield
    assert [one == other for one, other in zip(before, states())] == [True, True], "a global generator: torch, numpy"
