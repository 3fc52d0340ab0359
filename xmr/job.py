"""From a recipe to objects: records read, split and encoded, source loaded, program built."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from xmr.core.component import create
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.data.records import Records, Skipped, without_bad
from xmr.data.splits import Split
from xmr.encoders.base import Encoder
from xmr.prepare import Prepared, positive_of
from xmr.program import Program
from xmr.recipe.recipe import Recipe
from xmr.sources.base import Source
from xmr.tasks.base import Task
from xmr.training.work import LabelledSet

SPLITS = ("train", "validation", "test")


@dataclass
class Job:
    """Everything that a recipe names, loaded and encoded, before training.

    records: of `sets`, in the same order; rows: their indices in `prepared.records`.
    """

    recipe: Recipe
    prepared: Prepared
    records: dict[str, Records]
    rows: dict[str, np.ndarray]
    encoder: Encoder
    source: Source
    task: Task
    sets: dict[str, LabelledSet]
    program: Program
    load_seconds: float = 0.0


def load_job(recipe: Recipe, device: str = "cpu", source: Source | None = None) -> Job:
    """Read the data, load the source (unless it is given), build the program.

    Raises DataError and RecipeError for wrong input.
    """
    started = time.perf_counter()
    source = create(SOURCES, recipe.source).load(recipe.seed) if source is None else source
    encoder = make_encoder(recipe, source)
    prepared = encoder.prepare(recipe.data, recipe.task, recipe.seed)
    job = assemble(recipe, encoder, source, prepared, device)
    job.load_seconds = time.perf_counter() - started
    return job


def make_encoder(recipe: Recipe, source: Source) -> Encoder:
    """The recipe's encoder, configured for the source and the transform, not fitted."""
    encoder: Encoder = create(ENCODERS, recipe.encoder)
    capacity = create(TRANSFORMS, recipe.transform).capacity(source.space)
    return encoder.configure(capacity, source.space.rate, source.tokenize)


def assemble(recipe: Recipe, encoder: Encoder, source: Source, prepared: Prepared, device: str = "cpu") -> Job:
    """Fit the encoder on the training set, encode all splits, build the program.

    encoder: an encoder configured for the source.
    """
    records = {name: prepared.subset(name) for name in SPLITS}
    encoder.fit(records["train"])
    task = encoder.targets(recipe.task, records["train"], positive_of(recipe.data), recipe.data.target_scale)
    task = replace(task, metric=recipe.training.metric or "").filling(recipe.training.decoding_passes)
    task = task.combining(recipe.combine)
    rows = {}
    for name in SPLITS:  # only records whose label occurs in training and which the fitted encoder accepts
        wrong = {**task.check(records[name]), **encoder.check(records[name], fitted=True)}
        rows[name] = np.delete(getattr(prepared.split, name), [*wrong])
        records[name] = without_bad(records[name], wrong, recipe.data.on_error, prepared.skipped)
    if recipe.data.shuffle_labels:
        for name, salt in (("train", 7), ("validation", 8)):
            task.shuffle_labels(records[name], np.random.default_rng(recipe.seed + salt))
    sets = {
        name: LabelledSet(encoder.encode(subset), task.encode(subset), subset.ids) for name, subset in records.items()
    }
    widths = np.unique(sets["train"].data.width)
    length = int(widths[0]) if encoder.one_length else None
    program = Program.build(
        encoder, recipe.transform, source, recipe.output, task, recipe.ensemble, recipe.seed, length
    )
    program.columns = prepared.columns
    return Job(recipe, prepared, records, rows, encoder, source, task, sets, program.to(device))


def job_on(recipe: Recipe, source: Source, records: Records, split: Split) -> Job:
    """A job on given records and parts, in place of those that the recipe names."""
    prepared = Prepared(records, split, Skipped(), len(records), 0, 0, "")
    return assemble(recipe, make_encoder(recipe, source), source, prepared)
