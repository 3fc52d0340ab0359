"""The search of `xmr auto`: every candidate predicts records that it did not learn from, and the best is chosen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch

from xmr.commands.auto.candidates import Candidate, candidates
from xmr.commands.auto.folds import ENOUGH, folds_of
from xmr.commands.auto.held_out import Pool, TooLongError, held_out_predictions, passes_of, section_key
from xmr.commands.auto.result import Kind, Result, Tried
from xmr.commands.run_baselines import keep_answers, kept_answers
from xmr.data.clusters import PROTEIN_K
from xmr.errors import OutputError, XmrError, reason
from xmr.job import Job
from xmr.metrics.intervals import rows_of
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import Task

Log = Callable[[str], None]
MEAN_OF = 3  # the mean of the best candidates is a candidate itself
BASELINE_SHARE = 4  # no baseline takes more than one part in four of the time


def search(
    job: Job, name: str, overrides: list[str], folder: Path, begun: float, limit: float, log: Log
) -> tuple[list[Candidate], dict[Candidate, Recipe], Pool, Result]:
    """Try what suits a recipe on the records that are not the test part: what was chosen, all recipes, the pool, the
    table of what was tried.

    name, overrides: of the recipe, as a user gives them; job: of the same recipe without validation and baselines;
    begun, limit: when the search began, and the seconds it may take. Raises OutputError where nothing could be fitted.
    """
    pool = pool_of(job)
    result = Result(pool.task.chosen_metric, len(pool.records), len(job.records["test"]))
    recipes = candidates(load_recipe(name, overrides), name, overrides)
    pool.untrained = [each for each in recipes.values() if each.training.epochs == 0]
    predictions = try_all(recipes, pool, folder, result, begun, limit, log)
    if not predictions:
        raise OutputError(f"{folder}: nothing could be fitted; {result.tried[0].name}: {result.tried[0].note}")
    members = choose(predictions, recipes, pool, result)
    log(f"chosen: {result.chosen}")
    return members, recipes, pool, result


def pool_of(job: Job) -> Pool:
    """The records that are not the test part, their folds, and the task fitted on them."""
    prepared, recipe = job.prepared, job.recipe
    chosen = np.sort(np.concatenate([prepared.split.train, prepared.split.validation]))
    records, validation = prepared.records.take(chosen), np.zeros(0, int)
    lengths = job.task.lengths(job.encoder.encode(records)) if job.task.per_position else None
    lengths = np.ones(len(records), int) if lengths is None else lengths
    if recipe.data.split.by == "time":
        validation = np.flatnonzero(np.isin(chosen, prepared.split.validation))
        folds = [[validation]]
    else:
        texts, strata = job.encoder.canonical(records), job.task.strata(records)
        folds = folds_of(recipe.data.split, records, texts, strata, recipe.seed, job.encoder.kmer or PROTEIN_K)
        folds = [folds[0][:1]] if lengths.sum() > ENOUGH else folds
    digest = f"{prepared.digest} {prepared.split.how}"
    sources = {section_key(recipe): job.source}
    return Pool(records, digest, lengths, folds, validation, job.task, recipe.seed, sources)


def try_all(
    recipes: dict[Candidate, Recipe],
    pool: Pool,
    folder: Path,
    result: Result,
    begun: float,
    limit: float,
    log: Log,
) -> dict[Candidate, np.ndarray]:
    """The held-out predictions of every candidate that runs in the time that is left: (repeats, rows, K) each.

    limit: seconds in all since `begun`; a baseline may take a quarter of them.
    """
    found: dict[Candidate, np.ndarray] = {}

    def left() -> float:
        """Seconds that a candidate may take from now on."""
        rest = limit - (time.perf_counter() - begun)
        return min(rest, limit / BASELINE_SHARE - (time.perf_counter() - started)) if candidate.baseline else rest

    for candidate, recipe in recipes.items():
        started = time.perf_counter()
        kind: Kind = "baseline" if candidate.baseline else "program"
        score, note = None, ""
        asked = dump_recipe(recipe) + candidate.baseline + pool.digest
        place = folder / "tried" / f"{slug(candidate.name)}-{sha256(asked.encode()).hexdigest()[:12]}"
        seconds = 0.0
        try:
            kept = kept_answers(place)
            if kept is None and result.tried and left() <= 0 and dump_recipe(recipe) not in pool.solved:
                raise TooLongError(0.0)
            if kept is None:
                values = held_out_predictions(candidate, recipe, pool, left)
                kept = keep_answers(place, values, {"seconds": time.perf_counter() - started})
            values, seconds = kept[0], kept[1]["seconds"]
            score = _rank(values, pool)[0]
            found[candidate] = values
        except TooLongError as error:
            note = str(error) if error.seconds else "no time was left (--minutes)"
        except OutputError:
            raise  # a full disk
        except (XmrError, RuntimeError, ValueError, MemoryError, np.linalg.LinAlgError) as error:
            note = reason(error)
        seconds = seconds or time.perf_counter() - started
        result.tried.append(Tried(candidate.name, score, seconds, kind, note))
        outcome = f"{result.metric} {_shown(score, pool.task):.4f} on held-out records" if score is not None else note
        log(f"{len(result.tried)} of {len(recipes)}: {candidate.name}: {outcome}, {seconds:.0f} s")
    return found


def _metrics(values: np.ndarray, pool: Pool) -> list[dict[str, float]]:
    """The metrics of each repeat of held-out predictions, (repeats, rows, K)."""
    lengths = pool.lengths[pool.held_out]
    scored, target = rows_of(pool.held_out, pool.lengths), pool.task.encode(pool.records)
    return [pool.task.metrics(each[scored], target[torch.from_numpy(scored)], lengths) for each in values]


def _shown(score: float, task: Task) -> float:
    """A score as the metric's own value."""
    return abs(score) if task.score({task.chosen_metric: 1.0}) < 0 else score


def choose(
    predictions: dict[Candidate, np.ndarray], recipes: dict[Candidate, Recipe], pool: Pool, result: Result
) -> list[Candidate]:
    """The candidate with the best held-out score, or the mean of the best few where that is as good or better.

    Scores of few records are often equal (accuracy above all); then the squared error of the probabilities decides. Of
    programs that differ in their outputs alone, the mean takes one.
    """
    ranks = {each: _rank(values, pool) for each, values in predictions.items()}
    order = sorted(ranks, key=lambda each: ranks[each], reverse=True)
    best, members, result.chosen = ranks[order[0]], order[:1], order[0].name
    different = {each.baseline or passes_of(recipes[each]): each for each in reversed(order)}  # the best of each kind
    several = sorted(different.values(), key=order.index)
    for size in range(2, min(MEAN_OF, len(several)) + 1):
        mean = np.mean([predictions[each].mean(axis=0) for each in several[:size]], axis=0)
        rank = _rank(mean[None], pool)
        name = "mean of " + ", ".join(each.name for each in several[:size])
        result.tried.append(Tried(name, rank[0], 0.0, "mean"))
        if rank[0] >= best[0]:
            best, members, result.chosen = rank, several[:size], name
    return members


def _rank(values: np.ndarray, pool: Pool) -> tuple[float, float]:
    """The chosen metric of held-out predictions, mean over repeats, and what decides between equal ones; greater is
    better in both."""
    found = _metrics(values, pool)
    score = float(np.mean([pool.task.score(each) for each in found]))
    return score, -float(np.mean([each.get("brier", 0.0) for each in found]))


def slug(name: str) -> str:
    """A candidate's name as the name of a file."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
