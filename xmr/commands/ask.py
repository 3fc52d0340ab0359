"""`xmr ask`: what the source of a recipe says of every training record, as data for another program."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.core.batching import tokens_at_once
from xmr.core.files import replacing
from xmr.errors import OutputError, Problem, RecipeError
from xmr.job import Job, load_job
from xmr.outputs.base import Pooling
from xmr.recipe.recipe import Recipe

Log = Callable[[str], None]


def ask(recipe: Recipe, out: Path, *, device: str = "cpu", force: bool = False, log: Log = lambda _: None) -> None:
    """Write log-probabilities of the source's classes for every training record to a .npz file: ids, logp, classes.

    Each record is shown once, as the recipe's program begins. Answers of a source that only answers are kept next to
    the file until all are there, so that an interrupted call continues. Raises OutputError for a file that exists,
    unless `force`, and RecipeError for a source without classes.
    """
    if out.suffix != ".npz":
        raise OutputError(Problem("-o", str(out), "a file name that ends in .npz"))
    if out.exists() and not force:
        raise OutputError(Problem("-o", f"{out}, which exists", "another name, or --force to replace it"))
    job, kept = load_job(recipe, device), out.with_name(f"{out.name}.asked")
    if job.source.questions is not None:
        kept.mkdir(parents=True, exist_ok=True)
    with job.source.keeping_answers(kept, len(job.sets["train"]), 0), job.source.asking("training"):
        answers = answers_of(job)
        job.source.assert_unchanged()
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as temporary, temporary.open("wb") as handle:
        named: dict[str, Any] = {"classes": np.array(job.source.class_names)} if job.source.class_names else {}
        np.savez(handle, ids=np.array(job.records["train"].ids), logp=answers, **named)
    shutil.rmtree(kept, ignore_errors=True)
    if job.source.questions is not None:
        log(job.source.questions.said())
    log(f"{len(answers):,} training records, {answers.shape[1]:,} classes -> {out}")


@torch.inference_mode()
def answers_of(job: Job) -> np.ndarray:
    """log p of the source's classes behind the first program as it starts: (n, K_S) in half precision."""
    program, data, source = job.program.eval(), job.sets["train"].data, job.source
    if source.classes < 2:
        raise RecipeError(Problem("source", f"a source of {source.classes} classes", "two or more"))
    pool, found = Pooling("mean", source.hidden_width, None), np.zeros((len(data), source.classes), np.float16)
    for records in data.prediction_batches(tokens_at_once(program.device)):
        encoded = data.batch(records).to(program.device)
        logits = source.answers(pool(source(program.transforms[0](encoded)), encoded))
        found[records] = torch.log_softmax(logits.float(), dim=1).cpu().numpy()
    return found
