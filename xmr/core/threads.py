"""BLAS on one thread for small problems."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

SMALL = 1_000_000  # numbers in a matrix


@contextmanager
def blas_for(size: int) -> Iterator[None]:
    """Few threads for what is computed of a small matrix: they would wait for each other longer than they compute.

    size: numbers in the matrix.
    """
    with threadpool_limits(1 if size <= SMALL else None, user_api="blas"):
        yield
