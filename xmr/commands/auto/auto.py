"""`xmr auto`: try what suits the data, choose by left-out training records, test the best once, and save it."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xmr.baselines.base import HIDDEN
from xmr.commands.auto.final import Final
from xmr.commands.auto.result import Result
from xmr.commands.auto.search import Log, search
from xmr.commands.new.base import Asked
from xmr.commands.new.new import draft
from xmr.core.files import finite, write_json, write_text
from xmr.core.output_folder import held
from xmr.errors import Problem, RecipeError
from xmr.job import load_job
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import task_class

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
        Final(members, recipes, pool, job, folder, result, also, serve, log).fit()
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


def table(result: Result) -> str:
    """Everything tried as Markdown, the best first."""
    shown = sorted(result.tried, key=lambda tried: -np.inf if tried.score is None else tried.score, reverse=True)
    rows = [f"| tried | {result.metric} on held-out records | seconds |", "|---|---|---|"]
    for tried in shown:
        score = tried.note if tried.score is None else f"{abs(tried.score):.4f}"
        rows.append(f"| {tried.name} | {score} | {tried.seconds:.0f} |")
    return "\n".join(rows)
