"""Trying values of recipe fields: every combination or a sample of them; the best is selected on validation data (or
by leave-one-out).

A combination is a run folder named after its values, so that an interrupted sweep resumes, and a sweep with more
values trains only the new ones. Only the chosen combination is evaluated on the test set.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.sweep.combinations import combinations
from xmr.commands.workers.base import Engine, Run, Workers, outcome
from xmr.core.files import write_csv, write_json, write_text
from xmr.core.output_folder import held
from xmr.errors import Problem, RecipeError
from xmr.metrics.registry import higher_is_better
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe

_NEEDED = "a validation part, by which a sweep chooses, or --leave-one-out (with output ridge or kernel_ridge)"


@dataclass(frozen=True)
class Trial:
    """One combination and what it gave. score: mean over the seeds of what is chosen by; results: the runs' metrics."""

    overrides: tuple[str, ...]
    score: float
    results: tuple[dict[str, Any], ...]


def folder_of(overrides: tuple[str, ...]) -> str:
    """A readable and unique folder name of a combination."""
    said = re.sub(r"[^A-Za-z0-9.=_-]+", "-", "_".join(overrides))[:80] or "as-it-is"
    return f"{said}-{hashlib.sha256(repr(overrides).encode()).hexdigest()[:8]}"


def sweep(
    name: str,
    overrides: list[str],
    folder: Path,
    seeds: int = 1,
    max_trials: int | None = None,
    train: Run | None = None,
    validate: Run | None = None,
    log: Callable[[str], None] = lambda _: None,
    engine: Engine | None = None,
    leave_one_out: bool = False,
) -> list[Trial]:
    """Run every combination, write `sweep.csv` and `sweep.json` after each -> trials, the best first.

    train, validate: what runs a recipe, and what trains it without a test. engine: where, by default here.
    leave_one_out: choose before training, by leave-one-out on the training records, and train the chosen combination
    alone. All recipes are checked before the first is run; a combination that fails is noted and the others continue.
    Raises RecipeError for a recipe without what a combination is chosen by (a validation part, or an output
    solved in closed form), and where every combination fails.
    """
    from xmr.commands.run import run
    from xmr.commands.run import validate as train_without_test
    from xmr.commands.sweep.leave_one_out import measure
    from xmr.training.observe import SOLVED, is_solved

    asked = combinations(overrides, max_trials)
    recipes = {each: load_recipe(name, [*each, "baselines=[]"]) for each in asked}
    for recipe in recipes.values():
        if leave_one_out and not is_solved(recipe.output):
            raise RecipeError(
                Problem("output.name", repr(recipe.output["name"]), f"{SOLVED}, which --leave-one-out chooses by")
            )
        if not leave_one_out and not recipe.data.split.validation and recipe.data.split.by != "predefined":
            raise RecipeError(Problem("data.split.validation", "0", _NEEDED))
    with held(folder), (engine or Engine()).workers() as workers:
        chosen_by, scorer = (
            ("left_out", measure) if leave_one_out else ("validation", validate or train or train_without_test)
        )
        trials, failures = _tried(name, recipes, folder, seeds, scorer, log, workers, chosen_by)
        best = trials[0].overrides
        words = " ".join([name, *best])
        seeded = workers.start_seeds(train or run, recipes[best], folder / folder_of(best), seeds, words)
        trials[0] = replace(trials[0], results=tuple(result() for result in seeded))
        write_trials(folder, trials, chosen_by, failures)
    return trials


def _tried(
    name: str,
    recipes: dict[tuple[str, ...], Recipe],
    folder: Path,
    seeds: int,
    scorer: Run,
    log: Callable[[str], None],
    workers: Workers,
    chosen_by: str,
) -> tuple[list[Trial], list[tuple[str, str]]]:
    """Every combination with its score `chosen_by`, the best first, and what failed and why."""
    trials: list[Trial] = []
    failures: list[tuple[str, str]] = []
    runs = {
        each: workers.start_seeds(scorer, recipe, folder / folder_of(each), seeds, " ".join([name, *each]))
        for each, recipe in recipes.items()
    }
    for number, (each, seeded) in enumerate(runs.items(), start=1):
        tried = f"{number} of {len(recipes)}: {' '.join(each) or 'as it is'}"
        results = outcome(seeded)
        if isinstance(results, str):
            failures.append((" ".join(each), results))
            log(f"{tried} failed: {results}")
            continue
        scores = [result[chosen_by] for result in results]
        if None in scores:
            raise RecipeError(Problem("data.split.validation", _unscored(results[scores.index(None)]), _NEEDED))
        trials.append(Trial(each, float(np.mean(scores)), tuple(results)))
        log(f"{tried}: {chosen_by.replace('_', ' ')} {trials[-1].score:.4f}")
        write_trials(folder, ranked(trials), chosen_by, failures)
    if not trials:
        raise RecipeError(f"sweep: every combination failed, the first ({failures[0][0]}): {failures[0][1]}")
    return ranked(trials), failures


def _unscored(result: dict[str, Any]) -> str:
    """What a validation part was found to be that gave no score."""
    records = result["n_validation"]
    return f"{records} records without a defined {result['metric']}" if records else "no record"


def draw_trials(folder: Path, trials: list[Trial], chosen_by: str = "validation") -> None:
    """sweep.svg: the score of every combination, a panel a swept field."""
    from xmr.report import plots

    columns = list(zip(*(trial.overrides for trial in trials)))
    varied = [column for column in columns if len(set(column)) > 1] or columns[:1]
    scores = [trial.score for trial in trials]
    draws = [
        plots.tried(column[0].partition("=")[0], [override.partition("=")[2] for override in column], scores, chosen_by)
        for column in varied
    ]
    write_text(folder / "sweep.svg", plots.panels(draws))


def ranked(trials: list[Trial]) -> list[Trial]:
    """The best score first; undefined scores last."""
    return sorted(trials, key=lambda trial: -trial.score if math.isfinite(trial.score) else math.inf)


def write_trials(folder: Path, trials: list[Trial], chosen_by: str, failures: list[tuple[str, str]]) -> None:
    """sweep.csv: a line a combination; sweep.json: the chosen one with its test result, once it has been trained, and
    what failed and why."""
    keys = [override.partition("=")[0] for override in trials[0].overrides]
    rows = []
    for trial in trials:
        values = [override.partition("=")[2] for override in trial.overrides]
        seconds = sum(result["seconds"]["train"] for result in trial.results)
        rows.append([*values, trial.score, trial.results[0]["trainable_parameters"], seconds])
    write_csv(folder / "sweep.csv", [*keys, chosen_by, "trainable_parameters", "train_seconds"], rows)
    best = trials[0]
    found: dict[str, Any] = {
        "chosen": list(best.overrides),
        chosen_by: best.score,
        "tried": len(trials),
        "failures": failures,
    }
    if all("test" in result for result in best.results):
        metric = best.results[0]["metric"]
        tests = [result["test"][metric] for result in best.results]
        found |= {"metric": metric, "higher_is_better": higher_is_better(metric)}
        found["test"] = {"mean": float(np.mean(tests)), "values": tests}
    write_json(folder / "sweep.json", found)
