"""Few records: a cross-validation instead of one split, so that a figure rests on all of them."""

from __future__ import annotations

from collections import Counter

from xmr.commands.new.base import Draft, Sample

FEW = 300  # records, of which a fifth would be a small test part
FOLDS = 5


def for_few_records(made: Draft, sample: Sample) -> None:
    """Test every record once, where the split would be random, and say so, in place."""
    split = made.body["data"]["split"]
    if len(sample.records) >= FEW or split["by"] != "random" or sample.asked.split or sample.task.per_position:
        return
    labels = next(iter(sample.records.labels.values()))
    rarest = min(Counter(labels).values()) if sample.task.classes else len(labels)
    if (folds := min(FOLDS, rarest)) < 2:
        return
    made.body["data"]["split"] = {"by": "cross_validation", "folds": folds} | {
        name: value for name, value in split.items() if name == "validation"
    }
    said = f"{len(labels)} records are few, so each of {folds} folds is the test part in turn"
    made.found.append(f"{said} (split.by: cross_validation)")
