"""A first recipe for the user's own file: the task is read off the labels, and said aloud."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xmr.commands.new import images, sequences, signals, tables
from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.guess import guess_task
from xmr.commands.new.time_series import forecast
from xmr.core.component import create
from xmr.core.registry import ENCODERS
from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped, without_bad
from xmr.errors import DataError, Problem, RecipeError, one_of

OF_RECORDS: dict[str, Callable[[Sample], Draft]] = {  # named as their encoders
    "protein": sequences.protein,
    "dna": sequences.dna,
    "text": sequences.text,
    "table": tables.table,
    "series": signals.series,
    "audio": signals.audio,
    "image": images.image,
}


def draft(
    domain: str,
    source: Path,
    recipe: Path,
    column: str | None,
    target: tuple[str, ...],
    on_error: str,
    skipped: Skipped,
    skip: tuple[str, ...] = (),
) -> Draft:
    """A recipe for a file. Raises DataError for one that cannot be read.

    column, target: where they are not the usual ones; several targets are several labels, or numbers, of a record.
    skip: columns that are not read.
    on_error: `skip` leaves out records that cannot be read, notes them in `skipped` and has the recipe do the same.
    """
    if domain == "forecast":
        if on_error == "skip" or target:
            found = "--on-error skip" if on_error == "skip" else f"--target {target[0]}"
            raise RecipeError(Problem("new forecast", found, "neither: no step is left out, every column is forecast"))
        made = forecast(read_time_table(source, Columns(time=column, skip=skip)), source, recipe, column)
        return made.without(skip)
    if domain not in OF_RECORDS:
        raise RecipeError(one_of("new", domain, (*OF_RECORDS, "forecast")))
    encoder = create(ENCODERS, {"name": domain})
    encoder.configure(512)
    columns = Columns(column, target, reads=encoder.reads, skip=skip)
    records = read_all(source, columns, on_error, skipped)
    records = without_bad(records, encoder.check(records), on_error, skipped)
    if len(records.labels) == 1:  # of several, an empty one may be a label that is not known
        name, labels = next(iter(records.labels.items()))
        unlabelled = [index for index, label in enumerate(labels) if label == "" and any(labels)]
        wrong = dict.fromkeys(unlabelled, f"found no label in {name!r}; expected one")
        records = without_bad(records, wrong, on_error, skipped)
    if not len(records):
        raise DataError(Problem(str(source), "no usable record", "at least a few"))
    task, why = guess_task(records, encoder.canonical(records) if domain in ("protein", "dna") else [])
    made = OF_RECORDS[domain](Sample(domain, encoder, records, source, recipe, column, target, task, why))
    made.found.extend(records.notes)
    if len(skipped):
        made.body["data"]["on_error"] = "skip"
        made.found.append(f"{len(skipped):,} others cannot be read and are left out (data.on_error: skip)")
    return made.without(skip)
