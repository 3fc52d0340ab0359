"""`xmr run`, top to bottom: load, train, test once, compare with the baselines, write the run folder."""

from __future__ import annotations

import math
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from xmr import __version__
from xmr.commands.controls import run_controls
from xmr.commands.leaks import leaks
from xmr.commands.prediction_table import prediction_table
from xmr.commands.push import described
from xmr.commands.run_baselines import Log, baseline_input, chance, run_baselines
from xmr.commands.run_folder import claimed, is_finished, joined, metrics_of
from xmr.commands.run_report import history_of, write_report
from xmr.commands.tested import TestedPart
from xmr.commands.trackers import TrackerName, accelerator_settings, tracked
from xmr.commands.trained_on import save_trained_on
from xmr.commands.verdict import verdict
from xmr.core.files import finite, write_csv, write_json, write_text
from xmr.core.memory import PeakMemory
from xmr.core.prediction import Prediction
from xmr.errors import Problem, RecipeError, reason
from xmr.job import Job, load_job
from xmr.program import Program
from xmr.program_folder import FILES as PROGRAM_FILES
from xmr.program_folder import read_facts
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.report.learned import top_source_classes
from xmr.training.devices import make_accelerator
from xmr.training.divergence import check_answers
from xmr.training.loop import History, Report, train

Tested = Callable[[Prediction], None]
MAX_LINES = 40  # said of what an encoder decided


def run(
    recipe: Recipe,
    folder: Path | str,
    *,
    device: str = "auto",
    resume: bool = False,
    force: bool = False,
    test: bool = True,
    controls: bool = False,
    comment: str = "",
    track: TrackerName | None = None,
    report: Report = lambda _: None,
    log: Log = lambda _: None,
    tested: Tested = lambda _: None,
) -> dict[str, Any]:
    """Train, choose on validation, test once, compare with the baselines, write the run folder -> metrics.

    resume: continue an interrupted run of the same recipe; a finished run is returned unchanged, but for controls that
    it lacks. test: otherwise stop after training, with the validation score alone; a later call with `resume` evaluates
    the test part. controls: train the recipe without its ingredients as well (see `xmr.commands.controls`). track:
    the experiment tracker that receives recipe, curves and metrics. tested: receives the predictions of the test part.
    """
    folder = Path(folder)
    accelerator = make_accelerator(device, **accelerator_settings(track, folder))
    if controls and accelerator.num_processes > 1:
        raise RecipeError(Problem("--controls", f"{accelerator.num_processes} processes", "one"))
    if not accelerator.is_main_process:
        accelerator.wait_for_everyone()
        place = joined(folder)
        if not (resume and is_finished(place.work)):
            _run(recipe, place.work, accelerator, resume, test, controls, comment, *[lambda _: None] * 3)
        return {}
    with claimed(folder, recipe, resume, force) as place:
        accelerator.wait_for_everyone()
        if place.metrics is not None and controls and "controls" not in place.metrics:
            result = place.metrics
            _add_controls(load_job(recipe, str(accelerator.device)), result, place.work, log)
            place.finish()
            return result
        if place.metrics is not None:
            log(f"the run in {folder} is already finished; nothing to do")
            place.finish()
            return place.metrics
        kept = metrics_of(place.work) if resume and not test else {}
        if "validation" in kept:
            return kept
        with tracked(accelerator, track, recipe, folder, report) as tracker:
            follow = report if tracker is None else tracker.report
            result = _run(recipe, place.work, accelerator, resume, test, controls, comment, follow, log, tested)
            if tracker is not None:
                tracker.finish(result)
        place.finish(keep_checkpoint="report_error" in result or not test)
    return result


def _add_controls(job: Job, result: dict[str, Any], folder: Path, log: Log) -> None:
    """Controls of a finished run, in metrics.json (`result`) and report.html."""
    job.program = Program.load(folder, str(job.program.device))
    part = replace(TestedPart.load(folder), controls=run_controls(job, result, folder, log))
    part.save(folder)
    result["verdict"] = verdict(result)
    write_report(folder, job, result, history_of(folder, result["best_epoch"]), part)
    result["finished"] = True
    write_json(folder / "metrics.json", finite(result))


def validate(recipe: Recipe, folder: Path | str, *, resume: bool = False, comment: str = "") -> dict[str, Any]:
    """Train and stop before the test: what an alternative is chosen by. `run` with `resume` continues from there."""
    return run(recipe, folder, resume=resume, test=False, comment=comment)


def _run(
    recipe: Recipe,
    folder: Path,
    accelerator: Any,
    resume: bool,
    test: bool,
    controls: bool,
    comment: str,
    report: Report,
    log: Log,
    tested: Tested,
) -> dict[str, Any]:
    """The part of a run for one process; only the first of several writes."""
    job = load_job(recipe, str(accelerator.device))
    with job.source.keeping_answers(folder, len(job.sets["train"]), len(job.sets["validation"])):
        return _run_job(job, folder, accelerator, resume, test, controls, comment, report, log, tested)


def _run_job(
    job: Job,
    folder: Path,
    accelerator: Any,
    resume: bool,
    test: bool,
    controls: bool,
    comment: str,
    report: Report,
    log: Log,
    tested: Tested,
) -> dict[str, Any]:
    """`_run`, with everything loaded."""
    main, recipe = accelerator.is_main_process, job.recipe
    log(job.prepared.summary())
    said = job.encoder.describe()
    for line in said[:MAX_LINES]:
        log(line)
    if len(said) > MAX_LINES:
        log(f"and {len(said) - MAX_LINES} more (`xmr check` lists all)")
    log(describe_program(job.program))
    leaked = leaks(job) if main else {}
    for text in leaked.get("alarms", []):
        log(f"beware: {text}")
    if main:
        write_text(folder / "recipe.yaml", dump_recipe(recipe, comment))
    before = metrics_of(folder).get("seconds", {}) if resume else {}
    started, memory = time.perf_counter() - before.get("train", 0.0), PeakMemory(accelerator.device).start()
    with job.source.asking("training"):
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
    costs: dict[str, Any] = {"seconds": {"load": job.load_seconds, "train": time.perf_counter() - started}}
    costs["peak_memory_mib"] = memory.mib()
    if history.note:
        log(history.note)
    if not main:
        return {}
    if len(job.sets["validation"]) and not math.isfinite(history.best_score):
        log(
            f"{job.task.chosen_metric} is not defined on the {len(job.sets['validation'])} validation records: "
            "the last epoch was kept"
        )
    decide(job, log)
    trained = {"recipe": comment or "recipe.yaml", **_trained(job, history)}
    if not test:
        write_json(folder / "metrics.json", finite({**trained, **costs, "finished": False}))
        return {**trained, **costs}
    if not len(job.sets["test"]):
        _save_program(folder, job, history.rows)
        write_json(folder / "metrics.json", finite({**trained, **costs, "finished": True}))
        return {**trained, **costs}
    started = time.perf_counter()
    with job.source.asking("test"):
        each = check_answers(job.program.predict_each(job.sets["test"].data), recipe.training)
    costs["seconds"]["test"] = time.perf_counter() - started
    ids, lengths = job.records["test"].ids, job.task.lengths(job.sets["test"].data)
    prediction = Prediction.of(ids, each, job.task.combined(each), lengths)
    tested(prediction)
    result = {**trained, **_result(job, prediction), **costs}
    result["leaks"] = leaked
    result["processes"] = accelerator.num_processes
    _save_program(folder, job, history.rows)
    result["program_bytes"] = sum((folder / "program" / name).stat().st_size for name in PROGRAM_FILES)
    # What training gave is kept before what may still fail.
    write_json(folder / "metrics.json", finite({**result, "finished": False}))
    shown = job.encoder.to_original_units(prediction, job.records["test"])
    write_csv(folder / "predictions.csv", *prediction_table(shown, job.program.task, job.records["test"]))
    try:
        data = baseline_input(job)
        result["chance"] = chance(job, data)
        with job.source.asking("baselines"):
            baselines = run_baselines(job, data, result, folder, log)
        without = run_controls(job, result, folder, log) if controls else {}
    except KeyboardInterrupt:
        log(f"stopped after the test: {folder / 'metrics.json'} holds its metrics, and --resume runs what is missing")
        raise
    part = replace(TestedPart.of(job, prediction), baselines=baselines, controls=without)
    part.save(folder)
    result["verdict"] = verdict(result)
    if job.source.questions is not None:
        result.update(job.source.questions.summary())
        log(job.source.questions.said())
    write_json(folder / "metrics.json", finite({**result, "finished": False}))
    try:
        write_report(folder, job, result, history, part)
    except Exception as error:  # of a plotting library; metrics and program exist already
        result["report_error"] = reason(error)
        log(f"the report could not be written ({reason(error)}); everything else is there, and --resume tries it again")
    write_text(folder / "card.md", described(folder, read_facts(folder)[1])["README.md"])
    result["finished"] = True
    write_json(folder / "metrics.json", finite(result))
    return result


def decide(job: Job, log: Log = lambda _: None) -> None:
    """Give the program the temperature and the decision threshold that suit its validation records best, where the
    recipe asks for them.
    """
    part, training, shape = job.sets["validation"], job.recipe.training, (1, 0, job.task.outputs)

    def predicted() -> Tensor:
        """Predictions of each program for the validation records, (N, n, K)."""
        return job.program.predict_each(part.data) if len(part) else torch.zeros(shape)

    if training.calibration == "validation":
        job.program.task = job.program.task.calibrated(predicted().numpy(), part.target)
    if training.threshold == "validation":
        values, learned = job.task.combined(predicted()).numpy(), job.sets["train"].target
        job.program.task = job.program.task.decided(values, part.target, learned)
    if training.calibration == "validation" or training.threshold == "validation":
        log(job.program.task.decision or "the decision threshold is 0.5, the temperature 1")


def _trained(job: Job, history: History) -> dict[str, Any]:
    """metrics.json before the test: what made the program."""
    task, prepared = job.task, job.prepared
    return {
        "task": task.name,
        "metric": task.chosen_metric,
        "seed": job.recipe.seed,
        "n_train": len(job.sets["train"]),
        "n_validation": len(job.sets["validation"]),
        "n_test": len(job.sets["test"]),
        "trainable_parameters": sum(p.numel() for p in job.program.trained_parameters()),
        "source_parameters": job.source.parameter_count(),
        "programs": job.recipe.ensemble,
        "best_epoch": history.best_epoch,
        "validation": history.best_score if math.isfinite(history.best_score) else None,
        "epochs_run": int(history.rows[-1]["epoch"]),
        "split": prepared.split.how,
        "records_read": prepared.read,
        "duplicates": prepared.duplicates,
        "conflicting_labels": prepared.conflicting_labels,
        "skipped": len(prepared.skipped),
        "source_unchanged": True,  # `train` raises otherwise
    }


def _result(job: Job, prediction: Prediction) -> dict[str, Any]:
    """What the test part adds to metrics.json before the baselines have run."""
    task, target = job.program.task, job.sets["test"].target
    return {
        "test": task.metrics(prediction.values, target, prediction.lengths),
        "test_interval": task.interval(prediction.values, target, prediction.lengths),
        "test_counts": task.counts(target),
        "baselines": {},
        "failed_baselines": {},
    }


def describe_program(program: Program) -> str:
    """One sentence: what learns, what is frozen."""
    trained = sum(p.numel() for p in program.trained_parameters())
    frozen = program.source.parameter_count()
    programs = "" if len(program.transforms) == 1 else f" in {len(program.transforms)} programs"
    source = f"a frozen source of {frozen:,}" if program.source.gradient else "a source that only answers"
    return f"{trained:,} trainable parameters{programs} before {source}"


def _save_program(folder: Path, job: Job, history: list[dict[str, float]]) -> None:
    """The program, history.csv, mapping.csv (where there is a label mapping), environment.json, skipped.csv."""
    job.program.learn_novelty(job.records["train"], job.sets["train"].data)
    job.program.save(folder / "program")
    columns = list(dict.fromkeys(key for row in history for key in row))
    write_csv(folder / "history.csv", columns, [[row.get(key, "") for key in columns] for row in history])
    heard = [[target, *pair] for target, found in top_source_classes(job.program, 10) for pair in found]
    if heard:
        write_csv(folder / "mapping.csv", ["target", "source class", "weight"], heard)
    save_trained_on(folder, *(job.encoder.canonical(job.records[name]) for name in ("train", "validation")))
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
