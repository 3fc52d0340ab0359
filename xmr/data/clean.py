"""Duplicates and conflicting labels: found before the split, counted, and removed by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xmr.data.records import Records, Skipped, without_bad


@dataclass(frozen=True)
class Cleaned:
    """Records without duplicates.

    duplicates: number of rows that repeat an input. conflicting_labels: number of inputs with two labels.
    """

    records: Records
    duplicates: int
    conflicting_labels: int


def remove_duplicates(
    records: Records,
    canonical: list[str],
    skipped: Skipped,
    duplicates: Literal["remove", "keep"] = "remove",
    conflicting_labels: Literal["remove", "keep", "fail"] = "remove",
) -> Cleaned:
    """Keep the first of equal inputs; remove every input with two different labels.

    canonical: the input of each record in the form that decides equality. Of an input that is in two splits (train and
    test), the test record is kept, so that no test record is trained on. Raises DataError with
    `conflicting_labels: fail`.
    """
    order = {"test": 0, "validation": 1, "train": 2, "": 2}
    first: dict[str, int] = {}
    label_of: dict[str, tuple[str, ...]] = {}
    conflicting: set[str] = set()
    repeats: list[int] = []
    columns = list(records.labels.values())
    for index, text in enumerate(canonical):
        label = tuple(column[index] for column in columns)
        if text not in first:
            first[text], label_of[text] = index, label
            continue
        if label != label_of[text]:
            conflicting.add(text)
        kept = first[text]
        if records.role and order[records.role[index]] < order[records.role[kept]]:
            first[text] = index
            repeats.append(kept)
        else:
            repeats.append(index)
    removed: dict[int, str] = {}
    if duplicates == "remove":
        removed |= {
            i: f"found the same input as {records.location(first[canonical[i]])}; expected each input once"
            for i in repeats
        }
    if conflicting_labels != "keep" and conflicting:
        conflicts = {
            i: f"found two labels for one input (first at {records.location(first[text])}); expected one label for each"
            for i, text in enumerate(canonical)
            if text in conflicting
        }
        if conflicting_labels == "fail":
            without_bad(records, conflicts, "fail", skipped)
        removed |= conflicts
    for index, reason in sorted(removed.items()):
        skipped.add(records, index, reason)
    keep = np.array([index not in removed for index in range(len(records))], dtype=bool)
    return Cleaned(records.take(np.flatnonzero(keep)), len(repeats), len(conflicting))
