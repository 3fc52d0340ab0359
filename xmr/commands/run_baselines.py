"""The baselines of a run, on its split: what each predicted is kept, so that an interrupted run repeats none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.baselines.base import BaselineInput, run_baseline
from xmr.core.component import create
from xmr.core.files import array_sha256, json_sha256, write_array, write_json
from xmr.core.memory import PeakMemory
from xmr.core.registry import TRANSFORMS
from xmr.errors import OutputError, reason
from xmr.job import PARTS, Job
from xmr.metrics.metrics import metrics_of
from xmr.training.precision import resolve_precision

Log = Callable[[str], None]


def untrained(job: Job) -> Any:
    """The recipe's transform as it was before training: what a linear probe of signals sees."""
    generator = torch.Generator().manual_seed(job.recipe.seed * 1_000_003)
    made = create(TRANSFORMS, job.recipe.transform).build(job.encoder.spec, job.source.space, generator)
    return made.eval()


def run_baselines(job: Job, result: dict[str, Any], folder: Path, log: Log) -> dict[str, np.ndarray]:
    """Run the recipe's baselines on the same split; one that fails is said and does not lose the others.

    What each answered is kept in the run's checkpoint, so that an interrupted run repeats none.
    """
    names = list(dict.fromkeys(job.recipe.baselines))
    if not names:
        return {}
    parts = BaselineInput(
        {name: job.encoder.canonical(job.parts[name]) for name in PARTS},
        {name: part.data for name, part in job.sets.items()},
        {name: part.target.numpy() for name, part in job.sets.items()},
        job.targets,
        job.encoder.spec,
        job.recipe.seed,
        job.source,
        job.encoder.augment,
        {name: job.parts[name].arrays for name in PARTS},
        getattr(job.encoder, "season", 1),
        untrained(job),
        resolve_precision(job.recipe.training.precision, torch.device("cpu")),
    )
    answers: dict[str, np.ndarray] = {}
    for name in names:
        place = folder / "checkpoint" / "baselines" / name
        try:
            kept = _kept_answers(place)
            if kept is None:
                started, memory = time.perf_counter(), PeakMemory().start()
                found = run_baseline(name, parts)
                cost = {"seconds": time.perf_counter() - started, "peak_memory_mib": memory.mib()}
                kept = _keep_answers(place, found, cost)
        except OutputError:
            raise  # a full disk is not the baseline's fault
        except Exception as error:  # out of memory, a singular matrix: the program's own result is not lost by it
            result["failed_baselines"][name] = reason(error)
            log(f"baseline {name} failed: {reason(error)}")
            continue
        answers[name], cost = kept
        values = metrics_of(job.recipe.task, answers[name], job.sets["test"].target, job.targets)
        result["baselines"][name] = {**values, **cost}
    return answers


def _keep_answers(place: Path, answers: np.ndarray, cost: dict[str, float]) -> tuple[np.ndarray, dict[str, float]]:
    """Keep what a baseline answered and what that cost, the note last: an interrupted run does not ask again."""
    write_array(place.with_suffix(".npy"), answers)
    noted = {"cost": cost, "answers_sha256": array_sha256(answers)}
    write_json(place.with_suffix(".json"), {**noted, "sha256": json_sha256(noted)})
    return answers, cost


def _kept_answers(place: Path) -> tuple[np.ndarray, dict[str, float]] | None:
    """What was kept, or None where there is nothing or it was changed since."""
    try:
        noted = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        answers = np.load(place.with_suffix(".npy"), allow_pickle=False)
        whole = noted.pop("sha256") == json_sha256(noted) and noted["answers_sha256"] == array_sha256(answers)
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RecursionError, SyntaxError):
        return None
    return (answers, noted["cost"]) if whole else None
