"""Parallel runs: each in its own process, with an equal number of the processor's cores."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xmr.errors import XmrError, reason

if TYPE_CHECKING:
    from xmr.recipe.recipe import Recipe

Run = Callable[..., dict[str, Any]]  # `xmr.commands.run.run`


class WorkerLostError(XmrError):
    """The system ended a process, mostly because memory ran out; what runs finished is kept."""


class Workers:
    """Starts runs. With a single job, a run begins when its result is asked for, in this process; with more, they go
    ahead.

    Leaving the context drops what has not begun and waits for what has.
    """

    def __init__(self, jobs: int, train: Run) -> None:
        self.jobs, self.train = jobs, train
        self.pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        if self.jobs > 1:
            from xmr.core.registry import PLUGINS

            threads = max(1, (os.cpu_count() or 1) // self.jobs)
            self.pool = ProcessPoolExecutor(
                self.jobs, multiprocessing.get_context("spawn"), _begin, (threads, tuple(PLUGINS))
            )
        return self

    def __exit__(self, *raised: object) -> None:
        if self.pool is not None:
            self.pool.shutdown(wait=True, cancel_futures=True)

    def start_seeds(self, recipe: Recipe, folder: Path, seeds: int, comment: str) -> list[Callable[[], dict[str, Any]]]:
        """`start` for each of several seeds, from the recipe's own on, in `folder/seed-N`."""
        return [
            self.start(
                recipe.model_copy(update={"seed": seed}, deep=True), folder / f"seed-{seed}", f"{comment} seed={seed}"
            )
            for seed in range(recipe.seed, recipe.seed + seeds)
        ]

    def start(
        self, recipe: Recipe, folder: Path, comment: str, train: Run | None = None
    ) -> Callable[[], dict[str, Any]]:
        """Run a recipe, continuing what is in its folder -> a function that waits for its metrics.

        train: what runs this one, if not what runs all others. That function raises what the run raised, and
        WorkerLostError where its process is gone.
        """
        begin = partial(train or self.train, recipe, folder, resume=True, comment=comment)
        if self.pool is None:
            return begin
        future: Future[dict[str, Any]] = self.pool.submit(begin)
        return partial(_result, future)


def outcome(runs: list[Callable[[], dict[str, Any]]]) -> list[dict[str, Any]] | str:
    """What all of the runs gave; or, in a line, why one failed, by which other runs are not lost.

    Raises what ends more than these runs: TrainingInterruptedError, WorkerLostError.
    """
    from xmr.training.interrupt import TrainingInterruptedError

    try:
        return [result() for result in runs]
    except (TrainingInterruptedError, WorkerLostError):
        raise
    except Exception as error:
        return reason(error)


def _result(future: Future[dict[str, Any]]) -> dict[str, Any]:
    """What a run gave in its process."""
    try:
        return future.result()
    except BrokenExecutor as error:
        raise WorkerLostError(
            "the system ended a process, perhaps for want of memory; finished runs are kept: the same command with a "
            "smaller --jobs continues"
        ) from error


def _begin(threads: int, plugins: tuple[Path, ...]) -> None:
    """What a process does first: no more threads than its share, and the plugins of the process that asked."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)  # read when numpy and torch are imported, which is after this
    from xmr.core.registry import load_plugin

    for path in plugins:
        load_plugin(path)
