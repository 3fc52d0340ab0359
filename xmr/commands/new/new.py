"""A first recipe for the user's own file: the task is inferred from the labels, and printed."""

from __future__ import annotations

import re
from pathlib import Path

from xmr.commands.new.base import Asked, Draft, Sample
from xmr.commands.new.columns import guess_columns
from xmr.commands.new.facts import facts
from xmr.commands.new.guess import guess_task
from xmr.commands.new.registry import DRAFTS
from xmr.core.component import create
from xmr.core.registry import ENCODERS, TASKS
from xmr.data.columns import Columns
from xmr.data.pattern import apply_pattern
from xmr.data.readers.read import read_all
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem

ALPHABETS = {"protein": "ACDEFGHIKLMNPQRSTVWYBZJXUO", "dna": "ACGTUN"}
OTHER = {"protein": "dna", "dna": "protein"}
ALIKE = 0.95  # fraction of sequences with the letters of the other domain that makes a file one of that domain


def draft(domain: str, source: Path, recipe: Path, asked: Asked) -> Draft:
    """A recipe for a file. Raises DataError for one that cannot be read, or that is of another domain, RecipeError for
    an unknown domain.

    asked.on_error: `skip` skips records that cannot be read, notes them in `Draft.skipped` and has the recipe do the
    same.
    """
    drafter = DRAFTS.entry(domain, "new")
    if drafter.facts.get("made_from") == "file":
        made: Draft = drafter.load()(source, recipe, asked)
        return made
    skipped = Skipped()
    stated = None if asked.task is None else TASKS.get(asked.task, "--task")
    encoder = create(ENCODERS, {"name": domain})
    encoder.configure(512)
    columns = Columns(
        asked.input,
        asked.target,
        asked.id,
        need_target="{label}" not in (asked.pattern or ""),
        time=asked.time,
        reads=encoder.reads,
        group=asked.group,
        skip=asked.ignore,
    )
    guessed = guess_columns(source, columns, letters=domain != "text")
    columns = guessed.columns
    records = read_all(source, columns, asked.on_error, skipped)
    if asked.pattern is not None:
        records = without_bad(records, apply_pattern(records, asked.pattern), asked.on_error, skipped)
    _check_domain(domain, records, source)
    records = without_bad(records, encoder.check(records), asked.on_error, skipped)
    if len(records.labels) == 1:  # of several, an empty one may be a label that is not known
        name, labels = next(iter(records.labels.items()))
        unlabelled = [index for index, label in enumerate(labels) if label == "" and any(labels)]
        wrong = dict.fromkeys(unlabelled, f"found no label in {name!r}; expected one")
        records = without_bad(records, wrong, asked.on_error, skipped)
    if not len(records):
        raise DataError(Problem(str(source), "no usable record", "at least a few"))
    texts = encoder.canonical(records) if encoder.emits == "symbols" else []
    archived = domain == "series" and (source.is_dir() or source.suffix in (".ts", ".arff"))
    task, why = guess_task(records, texts if domain in ALPHABETS else [], archived)
    if stated is not None:
        task, why = stated, "as asked"
    sample = Sample(domain, encoder, records, source, recipe, columns.input, columns.target, task, why)
    made = drafter.load()(sample).stating(asked, columns.skip, records.group)
    made.found.extend((*guessed.why, *records.notes))
    classes = task.probabilistic and not task.per_position
    made.found.extend(facts(records, texts, classes, made.body["data"]["split"].get("test", 0.2)))
    made.skipped = skipped
    if len(skipped):
        made.body["data"]["on_error"] = "skip"
        made.found.append(f"{len(skipped):,} more records cannot be read and are skipped (data.on_error: skip)")
    return made


def _check_domain(domain: str, records: Records, source: Path) -> None:
    """Nucleotides for proteins, and the reverse, are one message instead of one for every record."""
    if domain not in ALPHABETS:
        return
    nucleotides, residues = (re.compile(f"[{ALPHABETS[name]}*.\\s-]*", re.IGNORECASE) for name in ("dna", "protein"))
    inputs = records.inputs
    only_nucleotides = sum(bool(nucleotides.fullmatch(text)) and len(text) > 7 for text in inputs)
    proteins = sum(bool(residues.fullmatch(text)) and not nucleotides.fullmatch(text) for text in inputs)
    alike = only_nucleotides if domain == "protein" else proteins
    if inputs and alike > ALIKE * len(inputs):
        found = "sequences of A, C, G and T alone" if domain == "protein" else "letters of amino acids"
        other = OTHER[domain]
        raise DataError(Problem(str(source), found, f"{domain} sequences (xmr new {other} {source.name} reads them)"))
