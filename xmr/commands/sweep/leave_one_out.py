"""Leave-one-out scores of untrained programs on the training set: a selection criterion without validation data."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xmr.core.files import write_json
from xmr.core.output_folder import held
from xmr.errors import Problem, RecipeError
from xmr.job import Job, load_job
from xmr.outputs.solved import numbers_of
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.training.observe import SOLVED, observe

TIES = 1e-3  # weight of the squared error, added to the metric: with few records many choices have equal metrics


def left_out_votes(job: Job) -> Tensor:
    """Scores (n, K) of every training record by ridges of all others, mean over the programs, before any training.

    After training they would be too good, because the transform has learned from the held-out record. Raises
    RecipeError for an output that is not solved in closed form.
    """
    (observed,), truth = observe(job.program, job.sets["train"])
    if not observed:
        found = repr(job.recipe.output["name"])
        raise RecipeError(Problem("output.name", found, f"{SOLVED}, which leave-one-out needs"))
    votes = [head.cpu().solve(rows, truth) for head, rows in observed]
    return torch.from_numpy(np.mean(votes, axis=0))


def left_out_score(job: Job) -> float:
    """The task's main metric (its negative where less is better) of left-out records, ties broken by squared error."""
    part, votes = job.sets["train"], left_out_votes(job)
    values = job.program.task.probabilities(votes.float()).numpy()
    found = job.task.score(job.task.metrics(values, part.target))
    error = float((votes - numbers_of(part.target, job.task.outputs)).square().mean())
    return found - TIES * error


def measure(recipe: Recipe, folder: Path, resume: bool = True, comment: str = "") -> dict[str, Any]:
    """`left_out_score` of a recipe as what a run gives, kept in `left_out.json` of its folder: nothing is trained."""
    kept, digest = folder / "left_out.json", hashlib.sha256(dump_recipe(recipe).encode()).hexdigest()
    found: dict[str, Any] = {}
    if resume and kept.is_file():
        with suppress(ValueError):  # damaged: measured again
            found = json.loads(kept.read_text(encoding="utf-8"))
        if isinstance(found, dict) and found.get("recipe_sha256") == digest:
            return found
    started = time.perf_counter()
    job = load_job(recipe)
    found = {"left_out": left_out_score(job), "recipe": comment, "recipe_sha256": digest}
    found["trainable_parameters"] = sum(p.numel() for p in job.program.trained_parameters())
    found["seconds"] = {"train": time.perf_counter() - started}
    with held(folder):
        write_json(kept, found)
    return found
