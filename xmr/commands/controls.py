"""Controls: a recipe without one of its ingredients. `xmr compare` runs all of them, `xmr run --controls` three."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.run_baselines import Log, answered
from xmr.commands.run_folder import remove_checkpoint
from xmr.core.component import create, section_model
from xmr.core.files import finite, write_json
from xmr.core.registry import ENCODERS, SOURCES
from xmr.errors import OutputError, RecipeError, reason
from xmr.job import Job, load_job
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import task_class
from xmr.training.divergence import check_answers
from xmr.training.interrupt import TrainingInterruptedError
from xmr.training.loop import train

RANDOM_SOURCE, NO_SOURCE, SHUFFLED_LABELS = "random source", "no source", "shuffled labels"
WITH_A_RUN = (RANDOM_SOURCE, NO_SOURCE, SHUFFLED_LABELS)


def controls(recipe: Recipe) -> dict[str, list[str]]:
    """The controls a recipe can have: name -> overrides."""
    found: dict[str, list[str]] = {}
    task = task_class(recipe.task)
    if "weights" in recipe.source and recipe.source["weights"] != "random":
        found[RANDOM_SOURCE] = ["source.weights=random"]
    control = create(SOURCES, recipe.source).without_network()
    if control is not None:
        found[NO_SOURCE] = [f"source={json.dumps(control)}"]
    orders = "shuffle" in section_model(ENCODERS.get(recipe.encoder["name"])).model_fields
    if orders and not task.per_position:  # labels of positions would not follow
        found["shuffled positions"] = ["encoder.shuffle=positions"]
    if task.has_labels:
        found[SHUFFLED_LABELS] = ["data.shuffle_labels=true"]
    return found


def run_controls(job: Job, result: dict[str, Any], folder: Path, log: Log) -> dict[str, np.ndarray]:
    """Train each control once, on the split and with the seed of the run -> what each predicted, (R, K); metrics and
    interval go into `result`.

    folder: of the run, with its recipe.yaml. What each predicted is kept in the checkpoint, so that an interrupted run
    repeats none and resumes the one it was at. One that fails is reported and does not lose the others.
    """
    result.update(controls={}, failed_controls={})
    found: dict[str, np.ndarray] = {}
    test = job.sets["test"].target
    for name, overrides in controls(job.recipe).items():
        if name not in WITH_A_RUN:
            continue
        place = folder / "checkpoint" / "controls" / name.replace(" ", "-")
        try:
            recipe = load_recipe(folder / "recipe.yaml", [*overrides, "baselines=[]"])
            recipe.data = recipe.data.holding(job.recipe.data.held)
            log(f"control: {name}")
            answers, cost = answered(place, partial(_trained, job, recipe, folder))
        except (OutputError, TrainingInterruptedError):
            raise
        except Exception as error:  # as for a baseline: the program's own result is not lost by it
            result["failed_controls"][name] = reason(error)
            log(f"control {name} failed: {reason(error)}")
        else:
            found[name] = answers
            lengths = job.task.lengths(job.sets["test"].data)
            metrics, interval = (score(answers, test, lengths) for score in (job.task.metrics, job.task.interval))
            result["controls"][name] = {**metrics, **cost, "interval": interval}
            if not result.get("finished"):  # a finished run stays one until it has all of them
                write_json(folder / "metrics.json", finite({**result, "finished": False}))
        remove_checkpoint(folder, "checkpoint/control")
    return found


def _trained(job: Job, recipe: Recipe, folder: Path) -> np.ndarray:
    """What the recipe of a control predicts for the test records of a run, (n, K)."""
    known = job.source if recipe.source == job.recipe.source else None
    control = load_job(recipe, str(job.program.device), known)
    if control.records["test"].ids != job.records["test"].ids:
        raise RecipeError("it has other test records than the program")
    validation = control.sets["validation"] if len(control.sets["validation"]) else None
    place = folder / "checkpoint" / "control"
    train(control.program, control.sets["train"], validation, recipe.training, recipe.seed, place, resume=True)
    each = check_answers(control.program.predict_each(control.sets["test"].data), recipe.training)
    return control.task.combined(each).numpy()
