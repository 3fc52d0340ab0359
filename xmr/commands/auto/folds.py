"""Folds of the training records that keep together what the recipe's split keeps together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.model_selection import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold

from xmr.data.clusters import PROTEIN_K
from xmr.data.records import Records
from xmr.data.settings import SplitSettings
from xmr.data.together import together

FOLDS = 5
FEW = 200  # up to this number of records, the folds are sampled `REPEATS` times
REPEATS = 2
ENOUGH = 20_000  # beyond this number of rows, one fold tells candidates apart as well, in a fifth of the time


def folds_of(
    how: SplitSettings,
    records: Records,
    texts: Sequence[str],
    strata: np.ndarray | None,
    seed: int,
    kmer: int = PROTEIN_K,
) -> list[list[np.ndarray]]:
    """Repeats of folds, each the indices of the records that are held out: every record once per repeat.

    Clusters, groups and scaffolds stay whole where the test part is chosen by them, so that the choice is made on
    records as new as those of the test part. strata: (n,) classes, or None; kmer: letters by which clusters are told.
    """
    n, groups = len(records), None
    if how.by != "group" or records.group:
        groups, _ = together(how.keep_together or how.by, how, records, texts, kmer)
    most = n if groups is None else len(np.unique(groups))
    folds = max(2, min(FOLDS, most))
    y = np.zeros(n) if strata is None else strata
    found = []
    for repeat in range(REPEATS if n <= FEW else 1):
        number = seed * 1_000 + repeat
        if groups is None:
            kind = KFold if strata is None or np.bincount(strata).max() < folds else StratifiedKFold
            parts = kind(folds, shuffle=True, random_state=number).split(y, y)
        else:
            grouped = GroupKFold if strata is None else StratifiedGroupKFold
            parts = grouped(folds, shuffle=True, random_state=number).split(y, y, groups)
        found.append([held_out for _, held_out in parts if len(held_out)])
    return found
