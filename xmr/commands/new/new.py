"""A first recipe for the user's own file: the task is inferred from the labels, and printed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

from xmr.commands.new.base import Asked, Draft, Sample
from xmr.commands.new.cost import fit_schedule
from xmr.commands.new.facts import facts
from xmr.commands.new.few import for_few_records
from xmr.commands.new.likeness import near_copies_of
from xmr.commands.new.rare import for_rare_classes
from xmr.commands.new.reading import Reading
from xmr.commands.new.registry import DRAFTS
from xmr.data.records import Records
from xmr.errors import Problem, RecipeError
from xmr.metrics.registry import METRICS


def draft(domain: str, source: Path | Sequence[Path], recipe: Path, asked: Asked) -> Draft:
    """A recipe for a file, several files or a folder.

    asked.on_error: `skip` skips records that cannot be read, notes them in `Draft.skipped` and has the recipe do the
    same. Raises DataError for one that cannot be read, or that is of another domain, RecipeError for an unknown domain.
    """
    paths = (source,) if isinstance(source, Path) else tuple(source)
    drafter = DRAFTS.entry(domain, "new")
    if drafter.facts.get("made_from") == "file":
        if len(paths) > 1:
            raise RecipeError(Problem(f"new {domain}", f"{len(paths)} paths", "one file"))
        made: Draft = drafter.load()(paths[0], recipe, asked)
        return made
    return _of(Reading(domain, paths, recipe, asked))


def draft_of(domain: str, records: Records, asked: Asked) -> Draft:
    """A recipe for records in memory; its `data.path` is only a name for them. Raises as `draft`."""
    place, drafter = Path(records.file), DRAFTS.entry(domain, "new")
    if drafter.facts.get("made_from") == "file":
        made: Draft = drafter.load()(place, place, asked, records)
        return made
    return _of(Reading(domain, (place,), place, asked, given=records))


def _of(reading: Reading) -> Draft:
    """A recipe for what is read."""
    sample = reading.sample()
    made: Draft = (
        DRAFTS.entry(reading.domain, "new").load()(sample).stating(sample.asked, sample.ignored, sample.records.group)
    )
    made.body = deepcopy(made.body)  # parts of it may be constants of the module that made it
    made.body.setdefault("training", {})
    for_rare_classes(made, sample)
    for_few_records(made, sample)
    made.found.extend(_split_and_metric(made, sample))
    fit_schedule(made, sample)
    made.found.extend((*reading.why, *sample.records.notes, *near_copies_of(made, sample)))
    classes = sample.task.probabilistic and not sample.task.per_position
    split = made.body["data"]["split"]
    tested = 1.0 if split["by"] == "cross_validation" else split.get("test", 0.2)
    made.found.extend(facts(sample.records, sample.texts, classes, tested))
    made.skipped = reading.skipped
    if len(made.skipped):
        made.body["data"]["on_error"] = "skip"
        unread = "record is" if len(made.skipped) == 1 else "records are"
        made.found.append(f"{len(made.skipped):,} {unread} skipped, as said (data.on_error: skip)")
    return made


def _split_and_metric(made: Draft, sample: Sample) -> Iterator[str]:
    """How records are tested and by what they are judged, where nothing else has said it."""
    split = made.body["data"]["split"]
    if not sample.asked.split and not any("test part" in line for line in made.found):
        if split["by"] == "predefined":
            yield "test part: as the file says"
        elif split["by"] == "random":
            together = "--group COLUMN keeps those that belong together"
            yield f"test part: {split['test']:.0%} of the records at random ({together})"
    if "metric" not in made.body["training"]:
        name = sample.task.fit(sample.records).main_metric
        yield f"metric: {name} ({METRICS.get(name).summary}), the default here (training.metric names another)"
