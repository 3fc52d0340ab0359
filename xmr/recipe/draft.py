"""A first recipe for the user's own file: the task is read off the labels, and said aloud."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from xmr.component import create
from xmr.data.forecast import TimeTable, read_time_table
from xmr.data.read import read_all
from xmr.data.records import Records, Skipped, without_bad
from xmr.data.tables import Columns
from xmr.errors import DataError, Problem, RecipeError, one_of
from xmr.registry import ENCODERS

DOMAINS = ("protein", "dna", "text", "table", "series", "audio", "image", "forecast")  # named as their encoders
SMALL = 1000  # up to so many records: four programs, a random split
ALIGNED = 300_000  # up to so many nucleotides in all, a head in closed form on every position fits into memory
LONGEST_ALIGNED = 400  # nucleotides; what a source of 512 positions takes at once
HUB = "   (source.model: a hub name or a folder)"
LEAST_STEPS = 50  # of a table over time
MANY = 5000  # beyond so many pictures the features of several depths would fill the memory: a head by gradient
# How classes of proteins are learned: as in recipes/protein/amp.yaml (docs/results.md has what else was tried).
PROTEIN_CLASSES: dict[str, Any] = {
    "source": {"name": "minilm", "layers": 2},
    "transform": {"name": "free_embedding", "init": "random_words"},
    "output": {"name": "ridge"},
    "training": {"epochs": 2, "min_steps": 200, "learning_rate": 3e-3, "batch_tokens": 256},
    "ensemble": 4,
}


@dataclass
class Draft:
    """The sections of a recipe, and what was found in the file, a line each; `hint` goes behind the command."""

    body: dict[str, Any]
    found: list[str]
    hint: str = ""

    def text(self, recipe: Path) -> str:
        """The YAML of the recipe, what was found in comments above it."""
        out = StringIO()
        YAML().dump(self.body, out)
        head = "".join(f"# {line}\n" for line in self.found)
        return f"{head}# Run: xmr run {recipe.name}{self.hint}\n" + out.getvalue()


def draft(
    domain: str, source: Path, recipe: Path, column: str | None, target: str | None, on_bad: str, skipped: Skipped
) -> Draft:
    """A recipe for a file. Raises DataError for one that cannot be read.

    on_bad: `skip` leaves out records that cannot be read, notes them in `skipped` and has the recipe do the same.
    """
    if domain not in DOMAINS:
        raise RecipeError(one_of("new", domain, DOMAINS))
    if domain == "forecast":
        if on_bad == "skip" or target:
            found = "--on-bad skip" if on_bad == "skip" else f"--target {target}"
            raise RecipeError(Problem("new forecast", found, "neither: no step is left out, every column is forecast"))
        return _forecast_draft(read_time_table(source, column), source, recipe, column)
    encoder = create(ENCODERS, {"name": domain})
    encoder.bind(512)
    columns = Columns(column, (target,) if target else (), reads=encoder.reads)
    records = read_all(source, columns, on_bad, skipped)
    records = without_bad(records, encoder.check(records), on_bad, skipped)
    if len(records.labels) == 1:  # of several, an empty one may be a label that is not known
        name, labels = next(iter(records.labels.items()))
        unlabelled = [index for index, label in enumerate(labels) if label == "" and any(labels)]
        wrong = dict.fromkeys(unlabelled, f"found no label in {name!r}; expected one")
        records = without_bad(records, wrong, on_bad, skipped)
    if not len(records):
        raise DataError(Problem(str(source), "no usable record", "at least a few"))
    made = _draft(domain, records, source, recipe, column, target)
    if len(skipped):
        made.body["data"]["on_bad"] = "skip"
        made.found.append(f"{len(skipped):,} others cannot be read and are left out (data.on_bad: skip)")
    return made


def _draft(domain: str, records: Records, source: Path, recipe: Path, column: str | None, target: str | None) -> Draft:
    """A recipe for records that are all right."""
    encoder = create(ENCODERS, {"name": domain})
    task, why = guess_task(records, encoder.canonical(records) if domain in ("protein", "dna") else [])
    label = next(iter(records.labels))
    roles = set(records.role) - {""}
    small = len(records) <= SMALL
    if domain == "image":
        return _picture_draft(records, source, recipe, task, why, roles)
    if domain == "table":
        return _table_draft(records, source, recipe, task, why, roles)
    if domain in ("dna", "text"):
        return _sequence_draft(domain, records, source, recipe, task, why, roles, column)
    if domain in ("series", "audio"):
        return _signal_draft(domain, records, source, recipe, task, why, roles, target)
    data: dict[str, Any] = {"path": os.path.relpath(str(source), str(recipe.parent))}
    if source.suffix.lower() not in (".fasta", ".fa", ".faa", ".fna", ".fas", ".gz"):
        data["target"] = label
        if column:
            data["input"] = column
    data["split"] = (
        {"by": "column"} if {"train", "test"} <= roles else {"by": "random" if small else "cluster", "test": 0.2}
    )
    one_length = len({len(text) for text in encoder.canonical(records)}) == 1
    aligned = one_length and task in ("regression", "multilabel", "classification") and len(records) > 1
    body: dict[str, Any] = {
        "task": task,
        "seed": 0,
        "data": data,
        "encoder": {"name": domain, **({"columns": "variable"} if aligned else {})},
        **(PROTEIN_CLASSES if task == "classification" and not aligned else _other_protein(task, aligned, small)),
        "baselines": ["majority", "window_linear"]
        if task == "residue_classification"
        else ["majority", "length_only", "kmer_logistic", "kmer_forest"] + (["onehot_linear"] if aligned else []),
    }
    found = f"{len(records):,} records of {source.name}: task {task} ({why})"
    if aligned:
        found += "; all of one length, so only the columns that vary are fed (encoder.columns: variable)"
    return Draft(body, [found])


def _other_protein(task: str, aligned: bool, small: bool) -> dict[str, Any]:
    """What learns numbers, several labels, residues or variants of one protein: heads by gradient."""
    output = {"name": "linear", "pool": "concat" if aligned else "mean"}
    return {
        "source": {"name": "minilm", "layers": 4},
        "transform": {"name": "free_embedding"},
        "output": {"name": "per_residue"} if task == "residue_classification" else output,
        "training": {"epochs": 20, "min_steps": 200, "learning_rate": 3e-3, "patience": 8},
        "ensemble": 4 if small else 1,
    }


def _table_draft(records: Records, source: Path, recipe: Path, task: str, why: str, roles: set[str]) -> Draft:
    """A recipe for a table: columns as tokens of a frozen language model; the guess on each column is written out."""
    encoder = create(ENCODERS, {"name": "table"})
    encoder.use_tokenizer(lambda texts: [[] for _ in texts])
    said = encoder.fit(records).describe()
    split: dict[str, Any] = (
        {"by": "column"} if {"train", "test"} <= roles else {"by": "random", "test": 0.2, "validation": 0}
    )
    labels = list(records.labels)
    path = os.path.relpath(str(source), str(recipe.parent))
    target = labels[0] if len(labels) == 1 else labels
    body: dict[str, Any] = {
        "task": task,
        "seed": 0,
        "data": {"path": path, "target": target, "contradictions": "keep", "split": split},
        "encoder": {"name": "table", "columns": {column.name: column.kind for column in encoder.seen}},
        "source": {"name": "minilm", "layers": 2, **({"taps": 3} if task == "regression" else {})},
        "transform": {"name": "feature_tokens"},
        "output": {"name": "ridge"},
        "training": {"epochs": 3, "learning_rate": 1e-5 if task == "regression" else 1e-3, "batch_size": 32},
        "ensemble": 4,
        "baselines": ["majority", "logistic", "hist_gradient_boosting", "random_forest"],
    }
    return Draft(body, [f"{len(records):,} rows of {source.name}: task {task} ({why})", *said])


def _sequence_draft(
    domain: str, records: Records, source: Path, recipe: Path, task: str, why: str, roles: set[str], column: str | None
) -> Draft:
    """A recipe for DNA or texts before a frozen language model."""
    data: dict[str, Any] = {"path": os.path.relpath(str(source), str(recipe.parent))}
    if source.suffix.lower() not in (".fasta", ".fa", ".fna", ".faa", ".fas", ".gz"):
        data["target"] = next(iter(records.labels))
        if column:
            data["input"] = column
    data["split"] = {"by": "column"} if {"train", "test"} <= roles else {"by": "random", "test": 0.2}
    transform = {"name": "context_window"} if domain == "dna" else {"name": "free_embedding", "init": "own_words"}
    lengths = {len(text) for text in create(ENCODERS, {"name": domain}).canonical(records)}  # gaps do not count
    one_length = len(lengths) == 1 and len(records) * max(lengths) <= ALIGNED and max(lengths) <= LONGEST_ALIGNED
    aligned = domain == "dna" and one_length and task != "residue_classification"
    if aligned and data["split"]["by"] == "random":  # a head in closed form: nothing is chosen on validation
        data["split"] |= {"validation": 0}
    body: dict[str, Any] = {
        "task": task,
        "seed": 0,
        "data": data,
        "encoder": {"name": domain, **({"aligned": True} if aligned else {})},
        "source": {"name": "minilm", "layers": 2 if aligned else 4},
        "transform": transform,
        "output": {"name": "ridge", "pool": "concat"}
        if aligned
        else {"name": "per_residue" if task == "residue_classification" else "linear"},
        "training": {"epochs": 2, "learning_rate": 0.001, "batch_tokens": 2048}
        if aligned
        else {"epochs": 20, "learning_rate": 0.003 if domain == "dna" else 0.001, "patience": 8},
        "baselines": ["majority", "window_linear"]
        if task == "residue_classification"
        else ["majority", "kmer_logistic", "kmer_forest", *(["onehot_linear"] if aligned else [])],
    }
    what = "sequences" if domain == "dna" else "texts"
    found = f"{len(records):,} {what} of {source.name}: task {task} ({why})"
    if aligned:
        found += "; all of one length, so read position by position (where they are no windows around a site: "
        found += "encoder.aligned=false output.pool=mean)"
    return Draft(body, [found])


def _picture_draft(records: Records, source: Path, recipe: Path, task: str, why: str, roles: set[str]) -> Draft:
    """A recipe for pictures before an ImageNet classifier: a watermark, and a head on features of several depths."""
    columns = {} if source.is_dir() or source.suffix == ".npz" else {"target": next(iter(records.labels))}
    split: dict[str, Any] = {"by": "column"} if {"train", "test"} <= roles else {"by": "random", "test": 0.2}
    many = len(records) > MANY
    if not many:  # a head in closed form: nothing is chosen on validation
        split |= {"validation": 0}
    path = os.path.relpath(str(source), str(recipe.parent))
    body: dict[str, Any] = {
        "task": task,
        "seed": 0,
        "data": {"path": path, **columns, "split": split},
        "encoder": {"name": "image", "size": 224, "fit": "crop"},
        "source": {"name": "vision", "model": "microsoft/resnet-18", **({} if many else {"taps": 8})},
        "transform": {"name": "watermark"},
        "output": {"name": "linear" if many else "ridge"},
        "training": {"epochs": 20, "learning_rate": 0.01, "batch_size": 32, "patience": 6}
        if many
        else {"epochs": 3, "learning_rate": 0.001, "batch_size": 32},
        "baselines": ["majority", "linear_probe"],
    }
    found = f"{len(records):,} pictures of {source.name}: task {task} ({why})"
    return Draft(body, [found], HUB)


def _signal_draft(
    domain: str, records: Records, source: Path, recipe: Path, task: str, why: str, roles: set[str], target: str | None
) -> Draft:
    """A recipe for series (drawn for an ImageNet classifier) or recordings (before a network of spoken commands)."""
    series = domain == "series"
    columns = {"target": target} if target else {}
    small = len(records) <= SMALL
    split: dict[str, Any] = {"by": "column"} if {"train", "test"} <= roles else {"by": "random", "test": 0.2}
    split |= {"validation": 0} if small else {}
    body: dict[str, Any] = {
        "task": task,
        "seed": 0,
        "data": {"path": os.path.relpath(str(source), str(recipe.parent)), **columns, "split": split},
        "encoder": {"name": "series"} if series else {"name": "audio", "speed": 0.2, "shift": 0.1},
        "source": {"name": "vision", "model": "google/mobilenet_v1_0.75_192", "taps": 8}
        if series
        else {"name": "speech", "model": "facebook/wav2vec2-base", "taps": 4},
        "transform": {"name": "signal_picture", "segment": [0.5, 1.0, 2.0]}
        if series
        else {"name": "wave_program", "place": "pad", "gain": 1.0},
        "output": {"name": "ridge"},
        "training": {"epochs": 1 if series else 3, "learning_rate": 1e-4 if series else 1e-3, "batch_size": 32},
        "ensemble": 3 if series else 1,
        "baselines": ["majority", "minirocket", "linear_probe"]
        if series and task != "multilabel"
        else ["majority", "logistic" if series else "mfcc_logistic", "linear_probe"],
    }
    what = "series" if series else "recordings"
    if series and records.arrays is not None:
        shape = records.arrays.shape
        what += f" of {shape[1]} channel{'s' if shape[1] > 1 else ''} and at most {shape[2]} samples"
    found = f"{len(records):,} {what} of {source.name}: task {task} ({why})"
    return Draft(body, [found], HUB)


def _forecast_draft(table: TimeTable, source: Path, recipe: Path, time: str | None) -> Draft:
    """A recipe for a table over time, after `forecast/etth1`: windows as long as its rows allow."""
    rows, channels = table.values.shape
    if rows < LEAST_STEPS:
        raise DataError(Problem(str(source), f"{rows} rows", f"at least {LEAST_STEPS} steps of time"))
    season, why = guess_season(table.times)
    look_back = min(336, rows // 8)
    horizon = min(96, max(rows // 50, min(season, rows // 25)))
    patch = min(16, look_back // 4)
    split = {"by": "time", "validation": 0.2, "test": 0.2}
    path = os.path.relpath(str(source), str(recipe.parent))
    body: dict[str, Any] = {
        "task": "forecasting",
        "seed": 0,
        "data": {"path": path, **({"time": time} if time else {}), "split": split},
        "encoder": {
            "name": "forecast",
            "look_back": look_back,
            "horizon": horizon,
            "every": 4 if rows > MANY else 1,
            "season": season,
        },
        "source": {"name": "minilm", "layers": 2},
        "transform": {
            "name": "signal_patches",
            "patch": patch,
            "stride": patch,
            "instance_norm": True,
            "rescale": False,
        },
        "output": {"name": "forecast", "width": 8, "dropout": 0.3},
        "training": {"epochs": 3, "min_steps": 200, "learning_rate": 5e-4, "batch_size": 64},
        "baselines": ["last_value", *(["seasonal_naive"] if season > 1 else []), "linear"],
    }
    found = f"{rows:,} steps of {channels} channel{'s' if channels > 1 else ''} of {source.name}, {why}: "
    return Draft(body, [f"{found}the next {horizon} from the last {look_back}"])


def guess_season(times: list[str]) -> tuple[int, str]:
    """Steps after which a series probably repeats, by how far apart its times are, and why: a day of shorter steps, a
    week of days, a year of weeks, months or quarters."""
    try:
        stamps = [datetime.fromisoformat(text) for text in times]
        step = sorted(later - sooner for sooner, later in pairwise(stamps))[len(stamps) // 2]
    except (ValueError, TypeError):  # numbers, other ways to write dates, some with a time zone and some without
        return 1, "times that are no ISO dates, so no season (encoder.season)"
    day = timedelta(days=1)
    if step < day:
        steps = max(1, round(day / step))
        return steps, f"a step {step}, a season of {steps} a day"
    for shortest, longest, steps in ((1, 1, 7), (7, 7, 52), (28, 31, 12), (89, 92, 4)):
        if shortest <= step.days <= longest:
            return steps, f"a step {step.days} day{'s' if step.days > 1 else ''}, a season of {steps}"
    return 1, f"a step {step.days} days, so no season (encoder.season)"


def guess_task(records: Records, texts: list[str]) -> tuple[str, str]:
    """The task a label column suggests, and why."""
    labels = next(iter(records.labels.values()))
    if not any(labels):
        raise DataError(Problem(records.file, "no label on any record", "a label column, or TARGET= in FASTA headers"))
    distinct = set(labels)
    if len(labels) > 1 and texts and all(len(a) == len(b) and a.isalpha() for a, b in zip(labels, texts)):
        return "residue_classification", "labels as long as their sequences"
    try:
        numbers = {float(label) for label in distinct}
    except ValueError:
        return "classification", f"{len(distinct)} distinct labels: {', '.join(sorted(distinct)[:5])}"
    if len(numbers) > 10 or any(number != int(number) for number in numbers):
        return "regression", f"{len(numbers)} distinct numbers"
    return "classification", f"{len(numbers)} distinct whole numbers"
