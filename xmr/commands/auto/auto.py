"""`xmr auto`: try what suits the data, choose by left-out training records, test the best once, and save it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.baselines.base import PER_RECORD
from xmr.baselines.registry import run_baseline
from xmr.commands.auto.candidates import Candidate, candidates
from xmr.commands.auto.folds import folds_of
from xmr.commands.auto.held_out import Pool, TooLongError, held_out_predictions, section_key, trained_job
from xmr.commands.auto.result import CONTROLS, Kind, Result, Tried
from xmr.commands.auto.saved import PROGRAM, RECIPE, save
from xmr.commands.run import run
from xmr.commands.run_baselines import answered, baseline_input
from xmr.core.component import create
from xmr.core.files import finite, write_json, write_text
from xmr.core.output_folder import held
from xmr.core.prediction import Prediction
from xmr.core.registry import SOURCES
from xmr.data.clusters import PROTEIN_K
from xmr.data.records import Records
from xmr.errors import OutputError, Problem, RecipeError, XmrError, reason
from xmr.job import Job, load_job
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import Task, task_class

Log = Callable[[str], None]
MEAN_OF = 3  # the mean of the best candidates is a candidate itself
DRAWS = 1000
BASELINE_SHARE = 4  # no baseline takes more than one part in four of the time


def auto(
    name: str,
    overrides: list[str],
    folder: Path,
    minutes: float = 10.0,
    metric: str | None = None,
    log: Log = print,
    also: Sequence[str] = (),
) -> Result:
    """Try, choose, test once and save into `folder`; what was tried before with the same recipe is not tried again.

    metric: what is maximized (its negative where less is better), by default the task's. also: baselines that are
    tested whatever was chosen. Raises RecipeError and DataError for wrong input, and OutputError where nothing could be
    fitted.
    """
    started = time.perf_counter()
    overrides = [*overrides, *([] if metric is None else [f"training.metric={metric}"])]
    recipe = load_recipe(name, [*overrides, "data.split.validation=0", "baselines=[]"])
    if task_class(recipe.task).predicts != PER_RECORD:
        expected = "one prediction per record; for other tasks `xmr compare` and `xmr sweep`"
        raise RecipeError(Problem("task", recipe.task, expected))
    with held(folder):
        job = load_job(recipe)
        pool, test = _pool(job), job.records["test"]
        result = Result(pool.task.chosen_metric, len(pool.records), len(test))
        log(job.prepared.summary())
        recipes = candidates(load_recipe(name, overrides), name, overrides)
        pool.untrained = [each for each in recipes.values() if each.training.epochs == 0]
        predictions = _try(recipes, pool, folder, result, started, 60 * minutes, log)
        if not predictions:
            raise OutputError(f"{folder}: nothing could be fitted; {result.tried[0].name}: {result.tried[0].note}")
        members = _choose(predictions, pool, result)
        log(f"chosen: {result.chosen}")
        _finish(members, recipes, recipe, pool, test, folder, result, also, log)
        result.seconds = time.perf_counter() - started
        write_json(folder / "auto.json", finite(result.as_json()))
        write_text(folder / "auto.md", table(result) + "\n\n" + result.paragraph() + "\n")
    return result


def search_and_test(
    recipe: Recipe, folder: Path, resume: bool = True, comment: str = "", minutes: float = 10.0
) -> dict[str, Any]:
    """`auto` in the place of a run of the recipe, with the metrics of a run; its baselines are tested as well."""
    done = folder / "auto.json"
    if not (resume and done.is_file()):
        asked = folder.with_name(f"{folder.name}.yaml")
        write_text(asked, dump_recipe(recipe, comment))
        auto(str(asked), [], folder, minutes, recipe.training.metric, lambda _: None, recipe.baselines)
    found = json.loads(done.read_text(encoding="utf-8"))
    return {**found, "test": found["test_metrics"]}


def _pool(job: Job) -> Pool:
    """The records that are not the test part, their folds, and the task fitted on them."""
    prepared, recipe = job.prepared, job.recipe
    records = prepared.records.take(np.sort(np.concatenate([prepared.split.train, prepared.split.validation])))
    texts, strata = job.encoder.canonical(records), job.task.strata(records)
    folds = folds_of(recipe.data.split, records, texts, strata, recipe.seed, job.encoder.kmer or PROTEIN_K)
    digest = f"{prepared.digest} {prepared.split.how}"
    return Pool(records, digest, folds, job.task, recipe.seed, {section_key(recipe): job.source})


def _try(
    recipes: dict[Candidate, Recipe],
    pool: Pool,
    folder: Path,
    result: Result,
    begun: float,
    limit: float,
    log: Log,
) -> dict[Candidate, np.ndarray]:
    """The held-out predictions of every candidate that runs in the time that is left: (repeats, n, K) each.

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
        place = folder / "tried" / f"{_slug(candidate.name)}-{sha256(asked.encode()).hexdigest()[:12]}"
        seconds = 0.0
        try:
            known = place.with_suffix(".json").is_file() or dump_recipe(recipe) in pool.solved
            if result.tried and left() <= 0 and not known:
                raise TooLongError(0.0)
            values, cost = answered(place, lambda: held_out_predictions(candidate, recipe, pool, left))  # noqa: B023
            score, seconds = _score(values, pool), cost["seconds"]
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


def _score(values: np.ndarray, pool: Pool) -> float:
    """The chosen metric (its negative where less is better) of held-out predictions, mean over repeats."""
    target = pool.task.encode(pool.records)
    return float(np.mean([pool.task.score(pool.task.metrics(each, target)) for each in values]))


def _shown(score: float, task: Task) -> float:
    """A score as the metric's own value."""
    return abs(score) if task.score({task.chosen_metric: 1.0}) < 0 else score


def _choose(predictions: dict[Candidate, np.ndarray], pool: Pool, result: Result) -> list[Candidate]:
    """The candidate with the best held-out score, or the mean of the best few where that is as good or better.

    Scores of few records are often equal (accuracy above all); then the squared error of the probabilities decides.
    """
    ranks = {each: _rank(values, pool) for each, values in predictions.items()}
    order = sorted(ranks, key=lambda each: ranks[each], reverse=True)
    best, members, result.chosen = ranks[order[0]], order[:1], order[0].name
    for size in range(2, min(MEAN_OF, len(order)) + 1):
        mean = np.mean([predictions[each].mean(axis=0) for each in order[:size]], axis=0)
        rank = _rank(mean[None], pool)
        name = "mean of " + ", ".join(each.name for each in order[:size])
        result.tried.append(Tried(name, rank[0], 0.0, "mean"))
        if rank[0] >= best[0]:
            best, members, result.chosen = rank, order[:size], name
    return members


def _rank(values: np.ndarray, pool: Pool) -> tuple[float, float]:
    """The score of held-out predictions, and what decides between equal ones, greater is better."""
    target = pool.task.encode(pool.records)
    return _score(values, pool), -float(np.mean([pool.task.metrics(each, target).get("brier", 0.0) for each in values]))


def _finish(
    members: list[Candidate],
    recipes: dict[Candidate, Recipe],
    base: Recipe,
    pool: Pool,
    test: Records,
    folder: Path,
    result: Result,
    also: Sequence[str],
    log: Log,
) -> None:
    """Fit what was chosen, the best program and the best baseline on all training records; test and save."""
    names = {candidate.name: candidate for candidate in recipes}
    target = pool.task.encode(test)
    write_text(folder / RECIPE, dump_recipe(base))
    best_program, best_baseline = result.best("program"), result.best("baseline")
    programs = [each for each in members if not each.baseline]
    values: dict[str, np.ndarray] = {}
    chosen = programs[0] if programs else names.get(best_program.name) if best_program else None
    if chosen is None:
        raise OutputError(f"{folder}: no program could be fitted; {result.tried[0].name}: {result.tried[0].note}")
    log(f"fitting {chosen.name} on all training records")

    kept: list[Prediction] = []
    run(recipes[chosen], folder / PROGRAM, force=True, comment=chosen.name, log=log, tested=kept.append)
    if kept[0].ids != test.ids:
        raise OutputError(f"{folder / PROGRAM}: other test records than the baselines'; set data.split.validation=0")
    values["best program"] = kept[0].values
    for each in programs[1:]:
        log(f"fitting {each.name} on all training records")
        job = trained_job(recipes[each])
        job.program.save(folder / "members" / _slug(each.name))
        values[each.name] = job.program.predict(test).values
    everything = np.arange(len(pool.records))
    wanted = {each.baseline for each in members if each.baseline} | {*also}
    if best_baseline is not None:
        wanted.add(names[best_baseline.name].baseline)
    for baseline in sorted(wanted):
        log(f"fitting {baseline} on all training records")
        both = type(pool.records).join([pool.records, test])
        whole = replace(pool, records=both)
        job = whole.job(base, everything, everything[:0], np.arange(len(everything), len(both)))
        try:
            values[baseline] = run_baseline(baseline, baseline_input(job))
        except Exception as error:  # of another library, on purpose not fatal
            if baseline not in also:
                raise
            result.failed_baselines[baseline] = reason(error)
    parts = [values[_key(each, chosen)] for each in members]
    values["chosen"] = np.mean(parts, axis=0)
    ours = _resampled(pool.task, values["chosen"], target)
    for baseline in sorted(wanted & {*values}):
        found = pool.task.metrics(values[baseline], target)
        better = ours - _resampled(pool.task, values[baseline], target)
        result.baselines[baseline] = {**found, "standard_error": float(np.nanstd(better))}
        if best_baseline is not None and baseline == names[best_baseline.name].baseline:
            values["best baseline"] = values[baseline]
            middle = pool.task.score(pool.task.metrics(values["chosen"], target)) - pool.task.score(found)
            low, high = np.nanpercentile(better, [2.5, 97.5])
            result.difference = middle, float(low), float(high)
    result.test_metrics = pool.task.metrics(values["chosen"], target)
    rows = ("chosen", "best program", "best baseline")
    result.test = {row: pool.task.metrics(values[row], target)[result.metric] for row in rows if row in values}
    if chosen in members:
        _ablate(recipes[chosen], test, result, log)
    result.members = tuple(_member(each, chosen) for each in members)
    save(folder, result.members, pool.records)


def _key(each: Candidate, chosen: Candidate | None) -> str:
    return each.baseline or ("best program" if each is chosen else each.name)


def _member(each: Candidate, chosen: Candidate | None) -> str:
    return each.baseline or ("program" if each is chosen else f"program:{_slug(each.name)}")


def _ablate(recipe: Recipe, test: Records, result: Result, log: Log) -> None:
    """The chosen program with random weights and without a source, on the test part."""
    without = create(SOURCES, recipe.source).without_network()
    sections = (None if "weights" not in recipe.source else {**recipe.source, "weights": "random"}, without)
    for name, section in zip(CONTROLS, sections):
        if section is None:
            continue
        try:
            job = trained_job(recipe.model_copy(update={"source": section}))
            values = job.program.predict(test).values
        except XmrError as error:
            log(f"control {name} failed: {reason(error)}")
            continue
        result.test[name] = job.task.metrics(values, job.task.encode(test))[result.metric]


def _resampled(task: Task, values: np.ndarray, target: torch.Tensor) -> np.ndarray:
    """The score on `DRAWS` bootstrap samples of the test records, the same for every predictor: (DRAWS,)."""
    rng, n = np.random.default_rng(0), len(values)
    draws = (rng.integers(0, n, n) for _ in range(DRAWS))
    return np.array([task.score(task.metrics(values[rows], target[torch.from_numpy(rows)])) for rows in draws])


def table(result: Result) -> str:
    """Everything tried as Markdown, the best first."""
    shown = sorted(result.tried, key=lambda tried: -np.inf if tried.score is None else tried.score, reverse=True)
    rows = [f"| tried | {result.metric} on held-out records | seconds |", "|---|---|---|"]
    for tried in shown:
        score = tried.note if tried.score is None else f"{abs(tried.score):.4f}"
        rows.append(f"| {tried.name} | {score} | {tried.seconds:.0f} |")
    return "\n".join(rows)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
