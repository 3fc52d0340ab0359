"""Predictions of training records by candidates that did not learn from them."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from xmr.baselines.registry import BASELINES, run_baseline
from xmr.commands.auto.candidates import Candidate
from xmr.commands.run_baselines import baseline_input
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.data.records import Records
from xmr.data.splits import Split
from xmr.errors import XmrError
from xmr.job import Job, job_on
from xmr.metrics.intervals import rows_of
from xmr.outputs.solved import SolvedOutput
from xmr.program import Program
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.sources.base import Source
from xmr.tasks.base import Task
from xmr.training.loop import train
from xmr.training.observe import observe

NETWORK_SECONDS = 30.0  # that a small network trains at least, which only its first fold would show
FIRST_STEPS, LAST_STEPS = 3, 100  # of training, after which its time is estimated, and of which the median is taken
VALIDATION = 0.1  # of the records of a fold that a trained program chooses its epoch by


class TooLongError(Exception):
    """A candidate would not be done in the time that is left. seconds: how long it would take."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"about {seconds:.0f} s, more than the time that was left")
        self.seconds = seconds


@dataclass
class Pool:
    """The labelled records that a choice is made on: those of the training and the validation part.

    digest: of all records and the split; lengths: rows that each record has in predictions and targets (its positions,
    or one); folds: repeats of the indices that are held out; validation: of the records that come after all others in
    time, which are then the only held-out ones; task: fitted on the training part; sources: loaded ones, by section;
    untrained: recipes of programs that will be asked for; solved: what those already predict that shared passes through
    the source with another one.
    """

    records: Records
    digest: str
    lengths: np.ndarray
    folds: list[list[np.ndarray]]
    validation: np.ndarray
    task: Task
    seed: int
    sources: dict[str, Source]
    untrained: list[Recipe] = field(default_factory=list)
    solved: dict[str, np.ndarray] = field(default_factory=dict)

    def source(self, recipe: Recipe) -> Source:
        """The recipe's source, loaded once."""
        key = section_key(recipe)
        if key not in self.sources:
            self.sources[key] = create(SOURCES, recipe.source).load(recipe.seed)
        return self.sources[key]

    def job(self, recipe: Recipe, train: np.ndarray, validation: np.ndarray, test: np.ndarray) -> Job:
        """A job on some of the records, in place of the recipe's own parts."""
        return job_on(recipe, self.source(recipe), self.records, Split(train, validation, test, "held-out records"))

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """What the final fit learns from: all records, and none for validation; or those before and in validation."""
        return np.setdiff1d(np.arange(len(self.records)), self.validation), self.validation

    @property
    def held_out(self) -> np.ndarray:
        """All held-out records, in order."""
        return np.sort(np.concatenate(self.folds[0]))

    def place(self, found: np.ndarray, job: Job, held_out: np.ndarray, values: np.ndarray) -> None:
        """Put a fold's predictions into those of the pool, (rows, K); equal shares where the fold has none."""
        names = self.task.names
        found[rows_of(held_out, self.lengths)] = 1 / len(names) if self.task.probabilistic else 0.0
        number = {self.records.ids[index]: index for index in held_out}
        rows = rows_of(np.array([number[name] for name in job.records["test"].ids], int), self.lengths)
        columns = np.array([names.index(name) for name in job.task.names], int)
        found[rows] = 0.0
        found[np.ix_(rows, columns)] = values


def section_key(recipe: Recipe) -> str:
    """The source of a recipe, as text."""
    return repr(sorted(recipe.source.items()))


def held_out_predictions(candidate: Candidate, recipe: Recipe, pool: Pool, left: Callable[[], float]) -> np.ndarray:
    """Each held-out record predicted by what was fitted on the other folds: (repeats, rows, K).

    Untrained programs pass every record through the source once, and solve their heads for each fold of every repeat;
    everything else is fitted again for each fold of the first. left: the seconds that are left; raises TooLongError
    where they do not suffice.
    """
    if not candidate.baseline and recipe.training.epochs == 0:
        return _of_solved(recipe, pool)
    return _of_folds(candidate, recipe, pool, pool.folds[0], left)[None]


def _of_solved(recipe: Recipe, pool: Pool) -> np.ndarray:
    """Of a program with heads solved in closed form, and of all that differ from it in their outputs alone."""
    if dump_recipe(recipe) in pool.solved:
        return pool.solved.pop(dump_recipe(recipe))
    everything = np.arange(len(pool.records))
    job = pool.job(recipe, everything, everything[:0], everything[:1])
    alike = [each for each in pool.untrained if each is not recipe and passes_of(each) == passes_of(recipe)]
    twins: dict[str, Program] = {}
    for each in alike:
        with suppress(XmrError):  # it is reported where it is asked for
            twins[dump_recipe(each)] = pool.job(each, everything, everything[:0], everything[:1]).program
    found, truth = observe(job.program, job.sets["train"], [*twins.values()])
    ours, *others = [_predicted(observed, truth, pool) for observed in found]
    pool.solved.update(zip(twins, others))
    return ours


def passes_of(recipe: Recipe) -> str:
    """What decides on the passes through the source, as text."""
    return repr((recipe.encoder, sorted(recipe.source.items()), recipe.transform, recipe.ensemble, recipe.training))


def _predicted(observed: list[tuple[SolvedOutput, torch.Tensor]], truth: torch.Tensor, pool: Pool) -> np.ndarray:
    """The records of each fold by heads solved on the others: (repeats, n, K)."""
    everything = np.arange(len(pool.records))
    found = np.zeros((len(pool.folds), len(everything), pool.task.outputs))
    for repeat, folds in enumerate(pool.folds):
        for held_out in folds:
            learned = torch.from_numpy(np.setdiff1d(everything, held_out))
            for head, rows in observed:
                head.solve(rows[learned], truth[learned])
                logits = head.scores(rows[torch.from_numpy(held_out)])
                found[repeat, held_out] += pool.task.probabilities(logits).numpy() / len(observed)
    return found


def _of_folds(
    candidate: Candidate, recipe: Recipe, pool: Pool, folds: list[np.ndarray], left: Callable[[], float]
) -> np.ndarray:
    found = np.zeros((int(pool.lengths.sum()), pool.task.outputs))
    started = time.perf_counter()
    if candidate.is_network and NETWORK_SECONDS * len(folds) > left():
        raise TooLongError(NETWORK_SECONDS * len(folds))
    for number, held_out in enumerate(folds):
        each = (time.perf_counter() - started) / max(1, number)
        if each * (len(folds) - number) > left():
            raise TooLongError(each * len(folds))
        learned = np.setdiff1d(np.arange(len(pool.records)), held_out)
        if candidate.baseline:
            job = pool.job(recipe, learned, np.intersect1d(held_out, pool.validation), held_out)
            data = baseline_input(job)
            once = BASELINES.find(candidate.baseline, data.case).estimate(data)
            if (needed := once * (len(folds) - number)) > left():
                raise TooLongError(needed)
            values = run_baseline(candidate.baseline, data)
        else:
            clock = _Clock(len(folds) - number, left)
            job = _trained(recipe, pool, learned, held_out, clock)
            values = job.task.combined(job.program.predict_each(job.sets["test"].data)).numpy()
        pool.place(found, job, held_out, values)
    return found


@dataclass
class _Clock:
    """Stops the training of a fold as soon as its steps show that all `folds` would take too long.

    What came before the first step, and that step, count as they were; those to come count as the median of the last.
    """

    folds: int
    left: Callable[[], float]
    started: float = field(default_factory=time.perf_counter)
    ends: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_STEPS + 1))

    def __call__(self, event: dict[str, Any]) -> None:
        if event["kind"] != "step":
            return
        self.ends.append(time.perf_counter())
        if len(self.ends) > FIRST_STEPS:
            spent = self.ends[-1] - self.started
            needed = self.folds * (spent + (event["steps"] - event["step"]) * float(np.median(np.diff(self.ends))))
            if needed - spent > self.left():
                raise TooLongError(needed)


def _trained(
    recipe: Recipe, pool: Pool, learned: np.ndarray, held_out: np.ndarray, clock: Callable[[dict[str, Any]], None]
) -> Job:
    validation = np.intersect1d(held_out, pool.validation)
    if recipe.data.split.validation and not len(validation):
        order = np.random.default_rng(pool.seed).permutation(len(learned))
        size = max(1, round(VALIDATION * len(learned)))
        learned, validation = np.sort(learned[order[size:]]), np.sort(learned[order[:size]])
    job = pool.job(recipe, learned, validation, held_out)
    chosen_by = job.sets["validation"] if len(job.sets["validation"]) else None
    with TemporaryDirectory() as folder:
        train(job.program, job.sets["train"], chosen_by, recipe.training, recipe.seed, Path(folder), clock)
    return job
