"""Few records: a cross-validation instead of one split, so that a figure rests on all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample
from xmr.data.settings import SplitSettings
from xmr.data.splits import fold_split
from xmr.data.together import together
from xmr.errors import DataError

FEW = 300  # records, of which a fifth would be a small test part
FOLDS = 5
WHOLE = {"cluster": "clusters stay", "scaffold": "scaffolds stay", "group": "groups stay"}


def for_few_records(made: Draft, sample: Sample) -> None:
    """Test every record once, where the split would be random or by clusters, scaffolds or groups, and say so, in
    place. What such a split keeps in one part stays in one fold.
    """
    split = made.body["data"]["split"]
    possible = split["by"] in ("random", *WHOLE) and not sample.asked.split and not sample.task.per_position
    if len(sample.records) >= FEW or not possible:
        return
    kept = {"keep_together": split["by"]} if split["by"] in WHOLE else {}
    if (folds := _folds(sample, kept)) < 2:
        return
    made.body["data"]["split"] = {"by": "cross_validation", "folds": folds, **kept} | {
        name: value for name, value in split.items() if name == "validation"
    }
    made.found = [line for line in made.found if not line.startswith("test part: the group")]
    said = f"{len(sample.records)} records are few, so each of {folds} folds is the test part in turn"
    together_in = f"; {WHOLE[split['by']]} in one fold" if kept else ""
    made.found.append(f"{said}{together_in} (split.by: cross_validation)")


def _folds(sample: Sample, kept: Mapping[str, Any]) -> int:
    """The most folds, up to five, of which each has every class and leaves every class to the others; 0: none."""
    records, labels = sample.records, np.array(next(iter(sample.records.labels.values())))
    strata = sample.task.strata(records)
    try:
        texts, kmer = sample.texts or sample.encoder.canonical(records), sample.encoder.kmer
        groups, _ = together(kept.get("keep_together"), SplitSettings(), records, texts, kmer)
    except DataError:  # no scaffold
        return 0
    most = len(records) if groups is None else len(np.unique(groups))
    classes = set(labels) if sample.task.classes else set()
    for folds in range(min(FOLDS, most), 1, -1):
        parts = [fold_split(strata, len(records), folds, fold, 0, 0, groups) for fold in range(folds)]
        if all(classes <= set(labels[part]) for each in parts for part in (each.train, each.test)):
            return folds
    return 0
