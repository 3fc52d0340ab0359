"""Predictions of training records by candidates that did not learn from them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from xmr.baselines.registry import run_baseline
from xmr.commands.auto.candidates import Candidate
from xmr.commands.run_baselines import baseline_input
from xmr.core.component import create
from xmr.core.registry import SOURCES
from xmr.data.records import Records
from xmr.data.splits import Split
from xmr.errors import XmrError
from xmr.job import Job, job_on, load_job
from xmr.outputs.solved import SolvedOutput
from xmr.program import Program
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.sources.base import Source
from xmr.tasks.base import Task
from xmr.training.loop import train
from xmr.training.observe import observe

NETWORK_SECONDS = 30.0  # that a small network trains at least, which only its first fold would show
FIRST_STEPS = 3  # of training, after which its time is estimated
VALIDATION = 0.1  # of the records of a fold that a trained program chooses its epoch by


class TooLongError(Exception):
    """A candidate would not be done in the time that is left. seconds: how long it would take."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"about {seconds:.0f} s, more than the time that was left")
        self.seconds = seconds


@dataclass
class Pool:
    """The labelled records that a choice is made on: those of the training and the validation part.

    digest: of all records and the split; folds: repeats of the indices that are held out; task: fitted on the training
    part; sources: loaded ones, by section; untrained: recipes of programs that will be asked for; solved: what those
    already predict that shared passes through the source with another one.
    """

    records: Records
    digest: str
    folds: list[list[np.ndarray]]
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

    def placed(self, job: Job, held_out: np.ndarray, values: np.ndarray) -> np.ndarray:
        """A fold's predictions in the pool's order of records and classes; equal shares where it has none."""
        names = self.task.names
        made = np.full((len(held_out), len(names)), 1 / len(names) if self.task.probabilistic else 0.0)
        number = {name: row for row, name in enumerate(self.records.take(held_out).ids)}
        rows = np.array([number[name] for name in job.records["test"].ids], int)
        columns = np.array([names.index(name) for name in job.task.names], int)
        made[rows] = 0.0
        made[np.ix_(rows, columns)] = values
        return made


def section_key(recipe: Recipe) -> str:
    """The source of a recipe, as text."""
    return repr(sorted(recipe.source.items()))


def held_out_predictions(candidate: Candidate, recipe: Recipe, pool: Pool, left: Callable[[], float]) -> np.ndarray:
    """Each record predicted by what was fitted on the other folds: (repeats, n, K).

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
    found = np.zeros((len(pool.records), pool.task.outputs))
    started = time.perf_counter()
    if candidate.is_network and NETWORK_SECONDS * len(folds) > left():
        raise TooLongError(NETWORK_SECONDS * len(folds))
    for number, held_out in enumerate(folds):
        each = (time.perf_counter() - started) / max(1, number)
        if each * (len(folds) - number) > left():
            raise TooLongError(each * len(folds))
        learned = np.setdiff1d(np.arange(len(pool.records)), held_out)
        if candidate.baseline:
            found[held_out] = _baseline_values(candidate, recipe, pool, learned, held_out)
        else:
            clock = _Clock(len(folds) - number, left)
            found[held_out] = _trained_values(recipe, pool, learned, held_out, clock)
    return found


@dataclass
class _Clock:
    """Stops the training of a fold as soon as its steps show that all `folds` would take too long."""

    folds: int
    left: Callable[[], float]
    started: float = field(default_factory=time.perf_counter)

    def __call__(self, event: dict[str, Any]) -> None:
        if event["kind"] == "step" and event["step"] >= FIRST_STEPS:
            spent = time.perf_counter() - self.started
            needed = self.folds * spent * event["steps"] / event["step"]
            if needed - spent > self.left():
                raise TooLongError(needed)


def _baseline_values(
    candidate: Candidate, recipe: Recipe, pool: Pool, learned: np.ndarray, held_out: np.ndarray
) -> np.ndarray:
    job = pool.job(recipe, learned, learned[:0], held_out)
    return pool.placed(job, held_out, run_baseline(candidate.baseline, baseline_input(job)))


def _trained_values(
    recipe: Recipe, pool: Pool, learned: np.ndarray, held_out: np.ndarray, clock: Callable[[dict[str, Any]], None]
) -> np.ndarray:
    validation = learned[:0]
    if recipe.data.split.validation:
        order = np.random.default_rng(pool.seed).permutation(len(learned))
        size = max(1, round(VALIDATION * len(learned)))
        learned, validation = np.sort(learned[order[size:]]), np.sort(learned[order[:size]])
    job = pool.job(recipe, learned, validation, held_out)
    chosen_by = job.sets["validation"] if len(job.sets["validation"]) else None
    with TemporaryDirectory() as folder:
        train(job.program, job.sets["train"], chosen_by, recipe.training, recipe.seed, Path(folder), clock)
    return pool.placed(job, held_out, job.program.predict_each(job.sets["test"].data).mean(dim=0).numpy())


def trained_job(recipe: Recipe) -> Job:
    """A recipe's own job, trained; its run folder is not written."""
    job = load_job(recipe)
    validation = job.sets["validation"] if len(job.sets["validation"]) else None
    with TemporaryDirectory() as folder:
        train(job.program, job.sets["train"], validation, recipe.training, recipe.seed, Path(folder))
    return job
