"""All folds of a cross-validation as one result: a figure, a table and a report of all held-out predictions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.prediction_table import prediction_table
from xmr.commands.push import described
from xmr.commands.repeated import WHOLE, over, whole
from xmr.commands.run_report import history_of, write_report
from xmr.commands.tested import TestedPart
from xmr.commands.verdict import CONTROL, common, verdict
from xmr.core.files import finite, write_csv, write_json, write_text
from xmr.core.output_folder import check_folder, held
from xmr.core.prediction import Prediction
from xmr.errors import Problem, ProgramError
from xmr.job import Job, load_job
from xmr.metrics.base import headline
from xmr.metrics.registry import METRICS
from xmr.metrics.seeds import corrected_interval, summarize
from xmr.program import Program
from xmr.program_folder import read_facts
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import Task, restore_task

KINDS = {"baselines": "", "controls": CONTROL}  # what there is next to the program, with what is put before its name


def check_whole(folder: Path, recipe: Recipe, force: bool) -> None:
    """Raises OutputError for a folder that is not xmr's, and ProgramError for one that holds another run."""
    check_folder(folder)
    there = folder / "recipe.yaml"
    one_split = (folder / "metrics.json").is_file()
    if there.is_file() and (one_split or (not force and dump_recipe(load_recipe(there)) != dump_recipe(recipe))):
        expected = f"another folder (-o){'' if one_split else ', or --force to replace it'}"
        raise ProgramError(Problem(str(there), "another run", expected))


def pool(
    recipe: Recipe,
    runs: Mapping[str, Recipe],
    results: Sequence[dict[str, Any]],
    everything: dict[str, Any],
    folder: Path,
) -> tuple[str, dict[str, Any]]:
    """Write what all folds of a finished cross-validation give together -> the headline metric, and summary.json.

    summary.json holds metrics over the predictions of all folds (`pooled`), means over folds and their intervals;
    predictions.csv each record with its fold; report.html shows both, and the program of all records. Where folds are
    repeated for several seeds, each record counts once for each.

    runs: the recipes of the folds by their folders below `folder`; results: their metrics.json; everything: that of the
    run on all records, in the folder `all`. Raises ProgramError where the data has changed in between.
    """
    job = load_job(whole(recipe))
    job.program = Program.load(folder / WHOLE)
    all_records = job.prepared.records
    parts, tasks = zip(*(_aligned(folder / name, job) for name in runs))
    tested = _joined(parts)
    task = job.program.task.by_parts(tasks, [len(part.rows) for part in parts])
    job.program.task = task  # in the table and the report as well, each record is decided by its own fold
    records = all_records.take(tested.rows)
    target, once = task.encode(records), task.encode(all_records.take(np.unique(tested.rows)))
    summary, folds = summarize(list(results)), recipe.data.split.folds
    result: dict[str, Any] = {
        **everything,
        "n_test": len(records),
        "split": f"each of {folds} folds tested in turn",
        "test": task.metrics(tested.values, target, tested.lengths),
        "test_interval": {
            name: corrected_interval(row["values"], folds, METRICS.get(name).bounds)
            for name, row in summary["rows"]["program"].items()
        },
        "test_counts": task.counts(once),
        **common(results),
        "program_bytes": results[0]["program_bytes"],
        "seconds": {name: sum(each["seconds"][name] for each in results) for name in ("load", "train", "test")},
        **{
            kind: {n: job.task.metrics(v, target, tested.lengths) for n, v in getattr(tested, kind).items()}
            for kind in KINDS
        },
    }
    if not result["controls"]:
        del result["controls"]  # not asked for
    result["verdict"] = verdict(result)
    kept = ("test_counts", "verdict", "n_test", "split")
    summary |= {name: result[name] for name in kept} | {"interval": result["test_interval"]}
    summary["paired"] = {}  # folds share training records, so a paired t-test over them would be too sure
    summary["pooled"] = {"program": result["test"]}
    for kind, before in KINDS.items():
        summary["pooled"] |= {f"{before}{name}": row for name, row in result.get(kind, {}).items()}
    metric = headline(result["metric"], result["test"])
    prediction = Prediction(records.ids, tested.values, tested.std, tested.lengths)
    header, rows = prediction_table(job.encoder.to_original_units(prediction, records), task, records)
    origin = [(each.seed, each.data.split.fold) for each, part in zip(runs.values(), parts) for _ in part.rows]
    seeds = len({seed for seed, _ in origin})
    order = np.argsort(tested.rows, kind="stable")
    with held(folder):
        write_json(folder / "summary.json", finite(summary))
        shown = [[*origin[i][seeds == 1 :], *rows[i]] for i in order]  # the seed where there are several
        write_csv(folder / "predictions.csv", [*["seed", "fold"][seeds == 1 :], *header], shown)
        write_text(folder / "recipe.yaml", dump_recipe(recipe, everything["recipe"]))
        history = history_of(folder / WHOLE, everything["best_epoch"])
        said = (
            f"{len(all_records)} records, each tested in one of {folds} folds by a program that learned from the others"
        )
        said += "; the program shown here learned from all records"
        write_report(folder, job, result, history, tested, said, _note(metric, summary, folds, seeds))
        write_text(folder / "card.md", described(folder / WHOLE, read_facts(folder)[1])["README.md"])
    return metric, summary


def _aligned(folder: Path, job: Job) -> tuple[TestedPart, Task]:
    """What a fold predicted, with the classes of all records as columns, and how it decided."""
    data = json.loads((folder / "environment.json").read_text(encoding="utf-8"))["data_sha256"]
    if data != job.prepared.digest:
        expected = "the records that the other folds have (--force runs all folds again)"
        raise ProgramError(Problem(str(folder), "a fold of other records", expected))
    tested, (_, facts, _) = TestedPart.load(folder), read_facts(folder)
    names, own = job.program.task.names, restore_task(facts["targets"])
    columns = [names.index(name) for name in own.names]

    def placed(values: np.ndarray) -> np.ndarray:
        """A fold's columns (n, K') at the places of all classes, (n, K); zero where the fold has none."""
        made = np.zeros((len(values), len(names)), values.dtype)
        made[:, columns] = values
        return made

    found: dict[str, Any] = {
        kind: {name: placed(values) for name, values in getattr(tested, kind).items()} for kind in KINDS
    }
    return replace(tested, values=placed(tested.values), std=placed(tested.std), **found), own


def _joined(parts: Sequence[TestedPart]) -> TestedPart:
    """All folds, one after the other; of baselines and controls those that every fold has.

    Constants that a baseline predicts for all of a fold differ a little from fold to fold, which would rank the
    records: they are replaced by their mean.
    """

    def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
        if all(np.ptp(each, axis=0).max(initial=0) == 0 for each in arrays):
            mean = np.mean([each[0] for each in arrays], axis=0)
            arrays = [np.tile(mean, (len(each), 1)) for each in arrays]
        return np.concatenate(arrays)

    lengths = None if parts[0].lengths is None else np.concatenate([part.lengths for part in parts])
    kinds = {kind: [getattr(part, kind) for part in parts] for kind in KINDS}
    found: dict[str, Any] = {
        kind: {name: joined([each[name] for each in held]) for name in held[0] if all(name in each for each in held)}
        for kind, held in kinds.items()
    }
    rows, values, std = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "values", "std"))
    return TestedPart(rows, values, std, lengths, **found)


def _note(metric: str, summary: dict[str, Any], folds: int, seeds: int) -> str:
    """What the headline is, and its mean and interval over folds."""
    what = "over the predictions of all records, each by a program that had not seen it"
    row = summary["rows"]["program"].get(metric)
    if row is None:
        return f"{what}; not defined in every fold"
    low, high = summary["interval"][metric]
    mean = f"mean and standard deviation over {over(folds, seeds)} {row['mean']:.3f} ± {row['sd']:.3f}"
    return f"{what}; {mean}, 95 % interval of the mean {low:.3f} to {high:.3f}"
