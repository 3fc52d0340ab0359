"""A job from recipe to result, top to bottom: read, split, encode, load the source, train, test once, compare."""

from __future__ import annotations

import json
import math
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr import __version__
from xmr.baselines.base import Parts, run_baseline
from xmr.commands.prediction_table import in_own_units, prediction_table
from xmr.commands.run_folder import claimed, is_finished, joined
from xmr.core.component import create
from xmr.core.files import array_sha256, finite, json_sha256, write_array, write_csv, write_json, write_text
from xmr.core.memory import PeakMemory
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.data.records import Records, without_bad
from xmr.data.targets import Targets
from xmr.encoders.base import Encoder
from xmr.encoders.forecast import ForecastEncoder
from xmr.errors import DataError, OutputError, Problem, reason
from xmr.metrics.intervals import bootstrap
from xmr.metrics.metrics import main_metric, metrics_of
from xmr.prepare import Prepared, positive_of, prepare
from xmr.program import Prediction, Program
from xmr.program_folder import FILES as PROGRAM_FILES
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.report.html import write_report
from xmr.report.learned import speakers
from xmr.sources.base import Source
from xmr.training.divergence import check_answers
from xmr.training.loop import History, LabelledSet, Report, train
from xmr.training.precision import resolve_precision

MOST_LINES = 40  # said of what an encoder decided
PARTS = ("train", "validation", "test")
Say = Callable[[str], None]


@dataclass
class Job:
    """Everything a recipe names, loaded and encoded; not yet trained. parts: the records behind `sets`, in order."""

    recipe: Recipe
    prepared: Prepared
    parts: dict[str, Records]
    encoder: Encoder
    source: Source
    targets: Targets
    sets: dict[str, LabelledSet]
    program: Program
    load_seconds: float = 0.0


def load_job(recipe: Recipe, device: str = "cpu") -> Job:
    """Read the data, load the source, build the program. Raises DataError and RecipeError for wrong input."""
    started = time.perf_counter()
    encoder: Encoder = create(ENCODERS, recipe.encoder)
    source: Source = create(SOURCES, recipe.source).load(recipe.seed)
    encoder.meet(source, create(TRANSFORMS, recipe.transform).capacity(source.space))
    prepared = prepare(recipe.data, recipe.task, encoder, recipe.seed)
    job = assemble(recipe, encoder, source, prepared, device)
    job.load_seconds = time.perf_counter() - started
    return job


def assemble(recipe: Recipe, encoder: Encoder, source: Source, prepared: Prepared, device: str = "cpu") -> Job:
    """Fit the encoder on the training part, encode every part, build the program.

    encoder: one that has met the source.
    """
    parts = {name: prepared.part(name) for name in PARTS}
    encoder.fit(parts["train"])
    if isinstance(encoder, ForecastEncoder):
        targets = Targets.steps(encoder.horizon)
    else:
        targets = Targets.fit(recipe.task, parts["train"], positive_of(recipe.data), recipe.data.target_scale)
    for name in PARTS:
        parts[name] = _known(parts[name], encoder, targets, recipe.data.on_bad, prepared)
    if recipe.data.shuffle_labels:
        for name, salt in (("train", 7), ("validation", 8)):
            parts[name] = _shuffled_labels(parts[name], recipe.seed + salt, recipe.task)
    sets = {name: LabelledSet(encoder.encode(part), targets.encode(part)) for name, part in parts.items()}
    widths = np.unique(sets["train"].data.width)
    length = int(widths[0]) if encoder.one_length else None
    program = Program.build(
        encoder, recipe.transform, source, recipe.output, targets, recipe.ensemble, recipe.seed, length
    )
    program.columns = prepared.columns
    return Job(recipe, prepared, parts, encoder, source, targets, sets, program.to(device))


def _known(part: Records, encoder: Encoder, targets: Targets, on_bad: str, prepared: Prepared) -> Records:
    """Only records whose label was seen in training and which the fitted encoder takes."""
    wrong = {**targets.check(part), **encoder.check(part, fitted=True)}
    return without_bad(part, wrong, on_bad, prepared.skipped)


def _shuffled_labels(part: Records, seed: int, task: str) -> Records:
    """Control: the same labels in another order; per-residue labels in another order over all residues."""
    rng = np.random.default_rng(seed)
    if task == "residue_classification":
        for name, column in part.labels.items():
            letters = "".join(rng.permutation(list("".join(column))))
            ends = np.cumsum([len(text) for text in column])
            part.labels[name] = [letters[end - len(text) : end] for text, end in zip(column, ends)]
        return part
    order = rng.permutation(len(part))
    part.labels = {name: [column[i] for i in order] for name, column in part.labels.items()}
    return part


def run(
    recipe: Recipe,
    folder: Path | str,
    *,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    comment: str = "",
    report: Report = lambda _: None,
    say: Say = lambda _: None,
) -> dict[str, Any]:
    """Train, choose on validation, test once, compare with the baselines, write the run folder -> metrics.

    resume: go on where an interrupted run of the same recipe stopped; a finished run is returned as it is.
    """
    folder = Path(folder)
    accelerator = make_accelerator(device)
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()
        place = joined(folder)
        if not (resume and is_finished(place.work)):
            _run(recipe, place.work, accelerator, resume, comment, lambda _: None, lambda _: None)
        return {}
    with claimed(folder, recipe, resume, force) as place:
        accelerator.wait_for_everyone()
        if place.metrics is not None:
            say(f"{folder} holds this run, finished; nothing to do")
            return place.metrics
        result = _run(recipe, place.work, accelerator, resume, comment, report, say)
        place.finish(keep_checkpoint="report_error" in result)
    return result


def _run(
    recipe: Recipe, folder: Path, accelerator: Any, resume: bool, comment: str, report: Report, say: Say
) -> dict[str, Any]:
    """One process's share of a run; the first of several alone writes."""
    main = accelerator.is_main_process
    job = load_job(recipe, str(accelerator.device))
    say(job.prepared.summary())
    said = job.encoder.describe()
    for line in said[:MOST_LINES]:
        say(line)
    if len(said) > MOST_LINES:
        say(f"and {len(said) - MOST_LINES} more (`xmr check` lists all)")
    say(describe_program(job.program))
    if main:
        write_text(folder / "recipe.yaml", dump_recipe(recipe, comment))
    started, memory = time.perf_counter(), PeakMemory(accelerator.device).start()
    history = train(
        job.program,
        job.sets["train"],
        job.sets["validation"] if len(job.sets["validation"]) else None,
        recipe.training,
        recipe.seed,
        folder / "checkpoint",
        report,
        resume,
        accelerator,
    )
    seconds, peak = {"load": job.load_seconds, "train": time.perf_counter() - started}, memory.mib()
    if not main:
        return {}
    if len(job.sets["validation"]) and not math.isfinite(history.best_score):
        metric = main_metric(recipe.task, job.targets.outputs)
        say(f"{metric} is not defined on the {len(job.sets['validation'])} validation records: the last epoch was kept")
    started = time.perf_counter()
    each = check_answers(job.program.answer(job.sets["test"].data), recipe.training)
    seconds["test"] = time.perf_counter() - started
    values, spread = each.mean(dim=0).numpy(), _spread(each)
    test = metrics_of(recipe.task, values, job.sets["test"].target, job.targets)
    lengths = _lengths(job)
    result: dict[str, Any] = {
        "task": recipe.task,
        "metric": main_metric(recipe.task, job.targets.outputs),
        "recipe": comment or "recipe.yaml",
        "seed": recipe.seed,
        "n_train": len(job.sets["train"]),
        "n_validation": len(job.sets["validation"]),
        "n_test": len(job.sets["test"]),
        "test": test,
        # Windows that overlap are no independent draws: no interval for forecasts.
        "test_interval": bootstrap(values, job.sets["test"].target, job.targets, lengths)
        if recipe.task != "forecasting"
        else {},
        "trainable_parameters": sum(p.numel() for p in job.program.trained_parameters()),
        "source_parameters": job.source.parameter_count(),
        "programs": recipe.ensemble,
        "processes": accelerator.num_processes,
        "best_epoch": history.best_epoch,
        "validation": history.best_score if math.isfinite(history.best_score) else None,
        "epochs_run": len(history.rows),
        "split": job.prepared.split.how,
        "records_read": job.prepared.read,
        "duplicates": job.prepared.duplicates,
        "contradictions": job.prepared.contradictions,
        "skipped": len(job.prepared.skipped),
        "seconds": seconds,
        "peak_memory_mib": peak,
        "source_unchanged": True,  # `train` raises otherwise
        "baselines": {},
        "failed_baselines": {},
    }
    job.program.save(folder / "program")
    result["program_bytes"] = sum((folder / "program" / name).stat().st_size for name in PROGRAM_FILES)
    # What training gave is kept before what may still fail.
    write_json(folder / "metrics.json", finite({**result, "finished": False}))
    answered = Prediction(job.parts["test"].ids, values, spread, lengths)
    _write(folder, job, history.rows, in_own_units(answered, job.encoder, job.parts["test"]))
    baselines = _baselines(job, result, folder, say)
    write_json(folder / "metrics.json", finite({**result, "finished": False}))
    try:
        _report(folder, job, result, history, values, baselines)
    except Exception as error:  # a drawing library's; metrics and program are there whatever it was
        result["report_error"] = reason(error)
        say(f"the report could not be written ({reason(error)}); everything else is there, and --resume tries it again")
    result["finished"] = True
    write_json(folder / "metrics.json", finite(result))
    return result


def _report(
    folder: Path, job: Job, result: dict[str, Any], history: History, values: np.ndarray, baselines: dict[str, Any]
) -> None:
    """report.html."""
    truth = job.sets["test"].target.numpy()
    examples = job.sets["test"].data.batch(np.arange(min(8, len(job.sets["test"]))))
    ids = job.parts["test"].ids
    write_report(folder, job.program, job.prepared.summary(), truth, result, history, values, baselines, examples, ids)


def make_accelerator(device: str) -> Any:
    """Accelerate decides the device and the processes; `device` may force the CPU or name what must be there."""
    from accelerate import Accelerator

    if (
        device not in ("auto", "cpu")
        and not (device.startswith("cuda") and torch.cuda.is_available())
        and not (device == "mps" and torch.backends.mps.is_available())
    ):
        raise DataError(Problem("--device", repr(device), "auto, cpu, or a device of this machine (see `xmr doctor`)"))
    from accelerate.utils import InitProcessGroupKwargs

    # Without `cpu`, accelerate would not see that several processes share a machine without accelerators.
    cpu = device == "cpu" or not torch.accelerator.is_available()
    # Other processes wait for the first one's baselines before the next seed.
    return Accelerator(cpu=cpu, kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=2))])


def describe_program(program: Program) -> str:
    """One sentence: what learns, what is frozen."""
    trained = sum(p.numel() for p in program.trained_parameters())
    frozen = program.source.parameter_count()
    programs = "" if len(program.transforms) == 1 else f" in {len(program.transforms)} programs"
    return f"{trained:,} trainable parameters{programs} before a frozen source of {frozen:,}"


def _spread(each: torch.Tensor) -> np.ndarray:
    return (each.std(dim=0) if len(each) > 1 else torch.zeros_like(each[0])).numpy()


def _lengths(job: Job) -> np.ndarray | None:
    return job.sets["test"].data.lengths if job.recipe.task == "residue_classification" else None  # type: ignore[attr-defined]


def untrained(job: Job) -> Any:
    """The recipe's transform as it was before training: what a linear probe of signals sees."""
    generator = torch.Generator().manual_seed(job.recipe.seed * 1_000_003)
    made = create(TRANSFORMS, job.recipe.transform).build(job.encoder.form, job.source.space, generator)
    return made.eval()


def _baselines(job: Job, result: dict[str, Any], folder: Path, say: Say) -> dict[str, np.ndarray]:
    """Run the recipe's baselines on the same split; one that fails is said and does not lose the others.

    What each answered is kept in the run's checkpoint, so that an interrupted run repeats none.
    """
    names = list(dict.fromkeys(job.recipe.baselines))
    if not names:
        return {}
    parts = Parts(
        {name: job.encoder.canonical(job.parts[name]) for name in PARTS},
        {name: part.data for name, part in job.sets.items()},
        {name: part.target.numpy() for name, part in job.sets.items()},
        job.targets,
        job.encoder.form,
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
            say(f"baseline {name} failed: {reason(error)}")
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


def _write(folder: Path, job: Job, history: list[dict[str, float]], prediction: Prediction) -> None:
    """predictions.csv, history.csv, mapping.csv (where there is a label mapping), environment.json, skipped.csv."""
    header, rows = prediction_table(prediction, job.targets, job.parts["test"])
    write_csv(folder / "predictions.csv", header, rows)
    columns = list(dict.fromkeys(key for row in history for key in row))
    write_csv(folder / "history.csv", columns, [[row.get(key, "") for key in columns] for row in history])
    heard = [[target, *pair] for target, found in speakers(job.program, 10) for pair in found]
    if heard:
        write_csv(folder / "mapping.csv", ["target", "source class", "weight"], heard)
    write_csv(folder / "skipped.csv", ["place", "id", "reason"], job.prepared.skipped.rows)
    write_json(folder / "environment.json", environment(job))


def environment(job: Job) -> dict[str, Any]:
    """Versions, seed, hashes: what one needs to say where a figure comes from."""
    packages = {}
    for name in ("torch", "transformers", "accelerate", "numpy", "scikit-learn", "safetensors"):
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    return {
        "xmr": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": packages,
        "threads": torch.get_num_threads(),
        "device": str(job.program.device),
        "seed": job.recipe.seed,
        "data_sha256": job.prepared.digest,
        "source_sha256": job.source.identity,
    }
