"""Runs on this machine: in this process, or in several with an equal number of the processor's cores each."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, ProcessPoolExecutor, wait
from functools import lru_cache, partial
from typing import Any, Self

from xmr.commands.workers.base import Engine, Item, Result, Surroundings, WorkerLostError, Workers


class LocalWorkers(Workers):
    """Processes of this machine. Leaving the context waits for what has begun."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.jobs = engine.jobs or 1
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.jobs > 1:
            threads = max(1, (os.cpu_count() or 1) // self.jobs)
            context = multiprocessing.get_context("spawn")
            self.pool = ProcessPoolExecutor(self.jobs, context, _begin, (threads, Surroundings()))
        return self

    def __exit__(self, *raised: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Callable[[], Result]:
        """See `Workers.submit`."""
        if self.pool is None:
            return partial(function, *arguments)
        return partial(_result, self.pool.submit(function, *arguments))

    def over(self, make: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """See `Workers.over`."""
        if self.pool is None:
            yield from map(make(), items)
            return
        running: set[Future[Result]] = set()
        for item in items:
            if len(running) > self.jobs:  # one waits, so that no process does
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from map(_result, done)
            running.add(self.pool.submit(_applied, make, item))
        yield from map(_result, running)


def _applied(make: Callable[[], Callable[[Item], Result]], item: Item) -> Result:
    """What `make()` gives for an item; it is called once in a process."""
    made: Callable[[Item], Result] = _made(make)
    return made(item)


@lru_cache(1)
def _made(make: Callable[[], Any]) -> Any:
    return make()


def _result(future: Future[Result]) -> Result:
    """What a call gave in its process."""
    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkerLostError(
            "the system ended a process, perhaps for want of memory; finished runs are kept: the same command with a "
            "smaller --jobs continues"
        ) from error


def _begin(threads: int, surroundings: Surroundings) -> None:
    """What a process does first: no more threads than its part of the cores, and the plugins of the one that asked."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)  # read when numpy and torch are imported, which is after this
    surroundings.enter()
