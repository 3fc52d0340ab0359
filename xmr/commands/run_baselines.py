"""The baselines of a run, on its split: what each predicted is kept, so that an interrupted run repeats none."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.baselines.base import BaselineInput
from xmr.baselines.registry import BASELINES, run_baseline
from xmr.core.component import create
from xmr.core.files import array_sha256, finite, json_sha256, write_array, write_json
from xmr.core.memory import PeakMemory
from xmr.core.registry import TRANSFORMS
from xmr.errors import OutputError, reason
from xmr.job import SPLITS, Job
from xmr.metrics.base import is_defined
from xmr.recipe.recipe import case_of
from xmr.training.precision import resolve_precision

Log = Callable[[str], None]


def untrained(job: Job) -> Any:
    """The recipe's transform before training: what a linear probe sees."""
    generator = torch.Generator().manual_seed(job.recipe.seed * 1_000_003)
    made = create(TRANSFORMS, job.recipe.transform).build(job.encoder.spec, job.source.space, generator)
    return made.eval()


def baseline_input(job: Job) -> BaselineInput:
    """What the baselines of a run may use."""
    return BaselineInput(
        case=case_of(job.recipe),
        texts={name: job.encoder.varying(job.encoder.canonical(job.records[name])) for name in SPLITS},
        sets={name: part.data for name, part in job.sets.items()},
        targets={name: job.sets[name].target.numpy() for name in SPLITS if name != "test"},
        task=job.task,
        spec=job.encoder.spec,
        seed=job.recipe.seed,
        source=job.source,
        augment=job.encoder.augment,
        arrays={name: job.records[name].arrays for name in SPLITS},
        season=job.encoder.season,
        untrained=untrained(job),
        precision=resolve_precision(job.recipe.training.precision, torch.device("cpu")),
    )


def chance(job: Job, data: BaselineInput) -> dict[str, float]:
    """What guessing gives on the test part, by metric: the training part's class frequencies or mean for every record.

    A rank correlation of a constant is 0; forecasts have no such guess: {}.
    """
    guess = BASELINES.suiting(data.case).get("majority")
    if guess is None:
        return {}
    found = _metrics(job, guess.predict(data))
    return {name: value if is_defined(value) else 0.0 for name, value in found.items()}


def run_baselines(
    job: Job, data: BaselineInput, result: dict[str, Any], folder: Path, log: Log
) -> dict[str, np.ndarray]:
    """Run the recipe's baselines on the same split; one that fails is reported and does not lose the others.

    metrics.json is written after each. What each predicted is kept in the run's checkpoint, so that an interrupted run
    repeats none.
    """
    answers: dict[str, np.ndarray] = {}
    for name in dict.fromkeys(job.recipe.baselines):
        place = folder / "checkpoint" / "baselines" / name
        try:
            answers[name], cost = answered(place, partial(run_baseline, name, data))
        except OutputError:
            raise  # a full disk is not the baseline's fault
        except Exception as error:  # out of memory, a singular matrix: the program's own result is not lost by it
            result["failed_baselines"][name] = reason(error)
            log(f"baseline {name} failed: {reason(error)}")
            continue
        result["baselines"][name] = {**_metrics(job, answers[name]), **cost}
        write_json(folder / "metrics.json", finite({**result, "finished": False}))
    return answers


def _metrics(job: Job, answers: np.ndarray) -> dict[str, float]:
    """Metrics of predictions of the test part."""
    part = job.sets["test"]
    return job.task.metrics(answers, part.target, job.task.lengths(part.data))


def answered(place: Path, predict: Callable[[], np.ndarray]) -> tuple[np.ndarray, dict[str, float]]:
    """What `predict` gives and its cost, computed once: kept at `place`, which an interrupted run reads again."""
    kept = kept_answers(place)
    if kept is not None:
        return kept
    started, memory = time.perf_counter(), PeakMemory().start()
    found = predict()
    return keep_answers(place, found, {"seconds": time.perf_counter() - started, "peak_memory_mib": memory.mib()})


def keep_answers(place: Path, answers: np.ndarray, cost: dict[str, float]) -> tuple[np.ndarray, dict[str, float]]:
    """Store the predictions of a baseline and its cost, the note last: an interrupted run does not ask again."""
    write_array(place.with_suffix(".npy"), answers)
    noted = {"cost": cost, "answers_sha256": array_sha256(answers)}
    write_json(place.with_suffix(".json"), {**noted, "sha256": json_sha256(noted)})
    return answers, cost


def kept_answers(place: Path) -> tuple[np.ndarray, dict[str, float]] | None:
    """What was kept, or None where there is nothing or it was changed since."""
    try:
        noted = json.loads(place.with_suffix(".json").read_text(encoding="utf-8"))
        answers = np.load(place.with_suffix(".npy"), allow_pickle=False)
        whole = noted.pop("sha256") == json_sha256(noted) and noted["answers_sha256"] == array_sha256(answers)
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RecursionError, SyntaxError):
        return None
    return (answers, noted["cost"]) if whole else None
