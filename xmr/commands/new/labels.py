"""Labels where no column holds one for each record: in FASTA headers, or several in one cell."""

from __future__ import annotations

import re
from collections.abc import Sequence

from xmr.data.readers.parts import PARTS

MOST_CLASSES, MOST_PARTS = 50, 5
SEPARATORS = ("|", ";", ",")


def guess_pattern(headers: Sequence[str]) -> str | None:
    """The pattern of headers that hold a label between `|`, `;`, blanks or tabs; None where it could be any of several.

    All headers have as many parts. The label is the only part that has several values, each of which several records
    have; a part of words such as `train` and `test` is the set. Headers of many parts, and fields such as OS=, are
    descriptions.
    """
    for mark in ("|", ";", "\t", " "):
        rows = [header.split(mark) for header in headers]
        if not 2 <= len(rows[0]) <= MOST_PARTS or {len(row) for row in rows} != {len(rows[0])}:
            continue
        values = [{part.strip() for part in column} for column in zip(*rows)]
        sets = [at for at, held in enumerate(values) if {value.casefold() for value in held} <= {*PARTS}]
        few = min(MOST_CLASSES, len(headers) // 2)
        labels = [at for at, held in enumerate(values) if at not in sets and _are_labels(held, few)]
        if len(labels) == 1 and len(sets) < 2:
            names = {labels[0]: "label", **dict.fromkeys(sets, "set")}
            return mark.join(f"{{{names.get(at, '')}}}" for at in range(len(values)))
    return None


def _are_labels(values: set[str], most: int) -> bool:
    """Whether a part of headers may be the label: several values, no gap, no field of a description."""
    return 1 < len(values) <= most and "" not in values and not all("=" in value for value in values)


def guess_separator(cells: Sequence[str]) -> str | None:
    """What separates several labels in one cell (`a|b`): a mark at which cells split into fewer labels than cells."""
    distinct = {*cells} - {""}
    for mark in SEPARATORS:
        parts = {part.strip() for cell in distinct for part in cell.split(mark)}
        if any(mark in cell for cell in distinct) and "" not in parts and len(parts) < len(distinct):
            numbers = any(re.fullmatch(r"[0-9.,;+-]+", cell) for cell in distinct)  # 1,5 is one number
            return None if numbers and mark == "," else mark
    return None
