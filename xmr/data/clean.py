"""Duplicates and conflicting_labels: found before anything is split, counted, and left out by default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xmr.data.records import Records, Skipped, without_bad


@dataclass(frozen=True)
class Cleaned:
    """Records without repeats. duplicates: rows that repeat an input; conflicting_labels: inputs with two labels."""

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
    """Keep the first of equal inputs; leave out every input that carries two different labels.

    canonical: the input of each record in the form that decides equality. An input stated for two roles (train and
    test) keeps the test record, so that no test record was trained on. Raises DataError with
    `conflicting_labels: fail`.
    """
    order = {"test": 0, "validation": 1, "train": 2, "": 2}
    first: dict[str, int] = {}
    label_of: dict[str, tuple[str, ...]] = {}
    contradictory: set[str] = set()
    repeats: list[int] = []
    columns = list(records.labels.values())
    for index, text in enumerate(canonical):
        label = tuple(column[index] for column in columns)
        if text not in first:
            first[text], label_of[text] = index, label
            continue
        if label != label_of[text]:
            contradictory.add(text)
        held = first[text]
        if records.role and order[records.role[index]] < order[records.role[held]]:
            first[text] = index
            repeats.append(held)
        else:
            repeats.append(index)
    out: dict[int, str] = {}
    if duplicates == "remove":
        out |= {
            i: f"found the same input as {records.place(first[canonical[i]])}; expected each input once"
            for i in repeats
        }
    if conflicting_labels != "keep" and contradictory:
        clash = {
            i: f"found two labels for one input (first at {records.place(first[text])}); expected one label an input"
            for i, text in enumerate(canonical)
            if text in contradictory
        }
        if conflicting_labels == "fail":
            without_bad(records, clash, "fail", skipped)
        out |= clash
    for index, reason in sorted(out.items()):
        skipped.add(records, index, reason)
    keep = np.array([index not in out for index in range(len(records))], dtype=bool)
    return Cleaned(records.take(np.flatnonzero(keep)), len(repeats), len(contradictory))
