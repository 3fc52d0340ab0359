"""How alike the sequences of a file are, and which split that asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample
from xmr.data.clusters import kmer_clusters
from xmr.data.settings import DataSettings, SplitSettings
from xmr.data.split_records import near_copies, split_records
from xmr.errors import DataError, RecipeError

LOOKED_AT = 3000  # sequences that are compared with each other
SIMILARITY = 0.4  # the default of data.split.similarity
MOSTLY = 0.5  # fraction of the sequences in one cluster from which on no split can separate clusters
HARDLY = 0.05  # fraction of sequences with a near copy below which a random split separates them as well


def split_by_likeness(sample: Sample, **fixed: Any) -> tuple[dict[str, Any], str, bool]:
    """The split for a file of sequences, a sentence that says why, and whether these are variants of one of them.

    By the file's own column where it has one; by cluster where near copies would stand in training and test; at random
    where nearly nothing or nearly everything is alike. fixed: further settings of a split that the file does not name.
    """
    one_length = len(sample.lengths) == 1
    predefined = "test" in sample.records.role and "train" in sample.records.role
    if "wild_type" in sample.rules:
        largest, near = 1.0, 1.0
    else:
        texts = list(dict.fromkeys(sample.texts))
        texts = texts[:: -(-len(texts) // LOOKED_AT)]
        sizes = np.bincount(kmer_clusters(texts, SIMILARITY, sample.encoder.kmer))
        largest, near = sizes.max() / len(texts), sizes[sizes > 1].sum() / len(texts)
    variants = largest > MOSTLY and one_length
    if predefined:
        return sample.split(), "test part: as the file says", variants
    if variants:
        why = "these are variants of one sequence (--split position or mutations holds out more)"
        return sample.split(**fixed), f"test part: random, because {why}", True
    if largest > MOSTLY:
        why = f"{largest:.0%} of the sequences are one family, which no split can separate"
        return sample.split(**fixed), f"test part: random, because {why}", False
    if near < HARDLY:
        return (
            sample.split(**fixed),
            f"test part: random, because {f'only {near:.0%}' if near else 'none'} of the sequences have a near copy",
            False,
        )
    why = f"{near:.0%} of the sequences have a near copy, which must not stand on both sides"
    return sample.split(**fixed, by="cluster"), f"test part: by cluster, because {why}", False


def near_copies_of(made: Draft, sample: Sample) -> list[str]:
    """How many test records have a near copy in training in the split that was drafted, in words."""
    settings = SplitSettings(**made.body["data"]["split"])
    if not sample.encoder.kmer or settings.by == "cluster":  # of clusters none has, and they are not made twice
        return []
    data = DataSettings(path=str(sample.source), split=settings)
    strata = sample.task.strata(sample.records)
    try:
        split = split_records(data, sample.records, sample.texts, strata, 0, sample.encoder.kmer)
    except (DataError, RecipeError):  # `xmr check` reports it
        return []
    said = near_copies(split, sample.texts, settings.similarity, sample.encoder.kmer)
    return [said] if said else []
