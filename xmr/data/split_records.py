"""From clean records and the section `data.split` to three parts, and how many test records have a near copy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from xmr.data.clusters import PROTEIN_K, near_fraction
from xmr.data.records import Records
from xmr.data.settings import DataSettings
from xmr.data.splits import (
    Split,
    cluster_split,
    fold_split,
    group_split,
    limited,
    predefined_split,
    random_split,
    scaffold_split,
    variant_split,
)
from xmr.data.together import scaffolds_of, together
from xmr.errors import DataError, Problem


def split_records(
    settings: DataSettings, records: Records, texts: list[str], strata: np.ndarray | None, seed: int, kmer: int
) -> Split:
    """Clean records in three parts, as the recipe says. texts: the inputs as the encoder counts them;
    kmer: letters of the k-mers that tell near copies. Raises DataError."""
    how = settings.split
    k = kmer or PROTEIN_K
    if how.by == "random":
        return random_split(strata, len(records), how.test, how.validation, how.n_labelled, seed)
    if how.by == "none":
        return random_split(strata, len(records), 0, how.validation, how.n_labelled, seed)
    if how.by in ("fold", "cross_validation"):
        groups, what = together(how.keep_together, how, records, texts, k)
        split = fold_split(strata, len(records), how.folds, how.fold, how.validation, seed, groups)
        split = replace(split, how=f"{split.how} by {what}") if what else split
        return limited(split, how.n_labelled, strata, seed)
    if how.by == "cluster":
        clusters, what = together("cluster", how, records, texts, k)
        assert clusters is not None
        split = cluster_split(clusters, strata if how.balanced else None, how.test, how.validation, seed, what)
        return limited(split, how.n_labelled, strata, seed)
    if how.by in ("position", "mutations"):
        split = variant_split(texts, how.by, strata, how.test, how.validation, seed)
        return limited(split, how.n_labelled, strata, seed)
    if how.by == "scaffold":
        return limited(scaffold_split(scaffolds_of(texts), how.test, how.validation), how.n_labelled, strata, seed)
    if how.by == "group":
        together("group", how, records, texts, k)
        return group_split(records.group, how.held_out_group, strata, how.validation, how.n_labelled, seed)
    if not records.role:
        raise DataError(
            Problem(
                "data.split.by: predefined",
                "no split column",
                "its name in data.split_column, or SET= in FASTA headers",
            )
        )
    return predefined_split(records.role, strata, how.validation, how.n_labelled, seed)


def near_copies(split: Split, texts: list[str], similarity: float, kmer: int) -> str:
    """How many of the test records have a near copy in training, in words; empty where that is not defined."""
    if not kmer or not len(split.test):
        return ""
    tested, learned = ([texts[i] for i in part] for part in (split.test, split.train))
    fraction, whole = near_fraction(tested, learned, similarity, kmer)
    about = "" if whole else "about "
    return f"{about}{fraction:.0%} of the test records have a near copy in training ({kmer}-mer cosine >= {similarity})"
