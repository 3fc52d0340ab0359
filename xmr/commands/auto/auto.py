"""`xmr auto`: try what suits the data, choose by left-out training records, test the best once, and save it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.baselines.base import HIDDEN
from xmr.baselines.registry import run_baseline
from xmr.commands.auto.candidates import Candidate
from xmr.commands.auto.held_out import Pool, trained_job
from xmr.commands.auto.result import CONTROLS, Result
from xmr.commands.auto.saved import PROGRAM, RECIPE, save
from xmr.commands.auto.search import Log, search, slug
from xmr.commands.new.base import Asked
from xmr.commands.new.new import draft
from xmr.commands.run import run
from xmr.commands.run_baselines import baseline_input
from xmr.core.component import create
from xmr.core.files import finite, write_json, write_text
from xmr.core.output_folder import held
from xmr.core.prediction import Prediction
from xmr.core.registry import SOURCES
from xmr.data.records import Records
from xmr.errors import OutputError, Problem, RecipeError, XmrError, reason
from xmr.job import Job, load_job
from xmr.metrics.intervals import resamples
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import Task, task_class

DRAWS = 1000
SEARCH = 0.75  # of the time is for the search, the rest for fitting what was chosen and its controls


def auto(
    name: str,
    overrides: list[str],
    folder: Path,
    minutes: float = 10.0,
    metric: str | None = None,
    log: Log = print,
    also: Sequence[str] = (),
    serve: bool = True,
) -> Result:
    """Try, choose, test once and save into `folder`; what was tried before with the same recipe is not tried again.

    metric: what is maximized (its negative where less is better), by default the task's. also: baselines that are
    tested whatever was chosen. serve: otherwise nothing is saved that predicts, and the controls are not run. Raises
    RecipeError and DataError for wrong input, and OutputError where nothing could be fitted.
    """
    started = time.perf_counter()
    overrides = [*overrides, *([] if metric is None else [f"training.metric={metric}"])]
    recipe = load_recipe(name, [*overrides, "baselines=[]"])
    if task_class(recipe.task).predicts == HIDDEN:
        expected = "predictions of records, positions or future steps; for others `xmr compare` and `xmr sweep`"
        raise RecipeError(Problem("task", recipe.task, expected))
    if recipe.data.split.by != "time":
        recipe = load_recipe(name, [*overrides, "baselines=[]", "data.split.validation=0"])
    elif not recipe.data.split.validation:
        raise RecipeError(Problem("data.split.validation", "0", "rows after those of training, to choose on"))
    with held(folder):
        job = load_job(recipe)
        log(job.prepared.summary())
        members, recipes, pool, result = search(job, name, overrides, folder, started, SEARCH * 60 * minutes, log)
        _finish(members, recipes, pool, job, folder, result, also, serve, log)
        result.seconds = time.perf_counter() - started
        write_json(folder / "auto.json", finite(result.as_json()))
        write_text(folder / "auto.md", table(result) + "\n\n" + result.paragraph() + "\n")
    return result


def auto_of_files(
    domain: str,
    paths: Sequence[Path],
    asked: Asked,
    overrides: list[str],
    folder: Path,
    log: Log = print,
    **limits: Any,
) -> Result:
    """`auto` of data files: the recipe is drafted as by `xmr new`, into the folder."""
    recipe = folder / "drafted.yaml"
    with held(folder):
        made = draft(domain, paths, recipe, asked)
        write_text(recipe, made.text(recipe))
    for found in made.found:
        log(found)
    return auto(str(recipe), overrides, folder, log=log, **limits)


def search_and_test(
    recipe: Recipe, folder: Path, resume: bool = True, comment: str = "", minutes: float = 10.0
) -> dict[str, Any]:
    """`auto` in the place of a run of the recipe, with the metrics of a run; its baselines are tested as well."""
    done = folder / "auto.json"
    if not (resume and done.is_file()):
        asked = folder.with_name(f"{folder.name}.yaml")
        write_text(asked, dump_recipe(recipe, comment))
        auto(str(asked), [], folder, minutes, recipe.training.metric, lambda _: None, recipe.baselines, serve=False)
    found = json.loads(done.read_text(encoding="utf-8"))
    return {**found, "test": found["test_metrics"]}


def _finish(
    members: list[Candidate],
    recipes: dict[Candidate, Recipe],
    pool: Pool,
    job: Job,
    folder: Path,
    result: Result,
    also: Sequence[str],
    serve: bool,
    log: Log,
) -> None:
    """Fit what was chosen, the best program and the best baseline on all training records; test and save."""
    base, test = job.recipe, job.records["test"]
    names = {candidate.name: candidate for candidate in recipes}
    target = pool.task.encode(test)
    write_text(folder / RECIPE, dump_recipe(base))
    best_program, best_baseline = result.best("program"), result.best("baseline")
    programs = [each for each in members if not each.baseline]
    values: dict[str, np.ndarray] = {}
    chosen = programs[0] if programs else names.get(best_program.name) if best_program and serve else None
    if chosen is None and serve:
        failed = next(each for each in result.tried if each.kind == "program")
        raise OutputError(f"{folder}: no program could be fitted; {failed.name}: {failed.note}")
    for each in programs or ([chosen] if chosen else []):
        log(f"fitting {each.name} on all training records")
        key = _key(each, chosen)
        if serve and each is chosen:
            kept: list[Prediction] = []
            run(recipes[each], folder / PROGRAM, force=True, comment=each.name, log=log, tested=kept.append)
            if kept[0].ids != test.ids:
                other = "other test records than the baselines'; set data.split.validation=0"
                raise OutputError(f"{folder / PROGRAM}: {other}")
            values[key] = kept[0].values
            continue
        program = trained_job(recipes[each]).program
        values[key] = program.predict(test).values
        if serve:
            program.save(folder / "members" / slug(each.name))
    learned, validation = pool.parts
    wanted = {each.baseline for each in members if each.baseline} | {*also}
    if best_baseline is not None:
        wanted.add(names[best_baseline.name].baseline)
    for baseline in sorted(wanted):
        log(f"fitting {baseline} on all training records")
        both = type(pool.records).join([pool.records, test])
        whole = replace(pool, records=both)
        refit = whole.job(base, learned, validation, np.arange(len(pool.records), len(both)))
        try:
            values[baseline] = run_baseline(baseline, baseline_input(refit))
        except Exception as error:  # of another library, on purpose not fatal
            if baseline not in also:
                raise
            result.failed_baselines[baseline] = reason(error)
    parts = [values[_key(each, chosen)] for each in members]
    values["chosen"] = np.mean(parts, axis=0)
    lengths = pool.task.lengths(job.sets["test"].data)
    ours = _resampled(pool.task, values["chosen"], target, lengths)
    for baseline in sorted(wanted & {*values}):
        found = pool.task.metrics(values[baseline], target, lengths)
        better = ours - _resampled(pool.task, values[baseline], target, lengths)
        spread = {"standard_error": float(np.nanstd(better))} if pool.task.independent else {}
        result.baselines[baseline] = {**found, **spread}
        if best_baseline is not None and baseline == names[best_baseline.name].baseline:
            values["best baseline"] = values[baseline]
            middle = pool.task.score(pool.task.metrics(values["chosen"], target, lengths)) - pool.task.score(found)
            low, high = np.nanpercentile(better, [2.5, 97.5]) if pool.task.independent else (np.nan, np.nan)
            result.difference = middle, float(low), float(high)
    result.test_metrics = pool.task.metrics(values["chosen"], target, lengths)
    rows = ("chosen", "best program", "best baseline")
    result.test = {row: pool.task.metrics(values[row], target, lengths)[result.metric] for row in rows if row in values}
    result.members = tuple(_member(each, chosen) for each in members)
    if serve:
        if chosen in members:
            _ablate(recipes[chosen], test, result, log)
        save(folder, result.members, pool.records, pool.validation)


def _key(each: Candidate, chosen: Candidate | None) -> str:
    return each.baseline or ("best program" if each is chosen else each.name)


def _member(each: Candidate, chosen: Candidate | None) -> str:
    return each.baseline or ("program" if each is chosen else f"program:{slug(each.name)}")


def _ablate(recipe: Recipe, test: Records, result: Result, log: Log) -> None:
    """The chosen program with random weights and without a source, on the test part."""
    without = create(SOURCES, recipe.source).without_network()
    sections = (None if "weights" not in recipe.source else {**recipe.source, "weights": "random"}, without)
    for name, section in zip(CONTROLS, sections):
        if section is None:
            continue
        try:
            job = trained_job(recipe.model_copy(update={"source": section}))
            found = job.program.predict(test)
        except XmrError as error:
            log(f"control {name} failed: {reason(error)}")
            continue
        result.test[name] = job.task.metrics(found.values, job.task.encode(test), found.lengths)[result.metric]


def _resampled(task: Task, values: np.ndarray, target: torch.Tensor, lengths: np.ndarray | None) -> np.ndarray:
    """The score on bootstrap samples of the test records, the same for every predictor: (draws,); of records that are
    not independent a single NaN.

    lengths: see `Task.lengths`.
    """
    if not task.independent:
        return np.array([np.nan])
    samples = resamples(len(values), lengths, DRAWS)
    return np.array(
        [task.score(task.metrics(values[rows], target[torch.from_numpy(rows)], counts)) for rows, counts in samples]
    )


def table(result: Result) -> str:
    """Everything tried as Markdown, the best first."""
    shown = sorted(result.tried, key=lambda tried: -np.inf if tried.score is None else tried.score, reverse=True)
    rows = [f"| tried | {result.metric} on held-out records | seconds |", "|---|---|---|"]
    for tried in shown:
        score = tried.note if tried.score is None else f"{abs(tried.score):.4f}"
        rows.append(f"| {tried.name} | {score} | {tried.seconds:.0f} |")
    return "\n".join(rows)
