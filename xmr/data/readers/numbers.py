"""What is a number, and what a missing value, in text: one rule for every reader.

Numbers are written with ASCII digits; what Python's `float` takes beyond that (1_000, digits of other scripts) is none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from math import isfinite

import numpy as np

MISSING = frozenset({"", "?", "na", "n/a", "nan", "null", "none", "-"})

_AMOUNT = re.compile(r"([+-]?)([$€£¥]?) ?([1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]+)((?:\.[0-9]+)?) ?([%$€£¥]?)", re.ASCII)
NO_LABEL = frozenset({"", "nan", "na", "n/a", "<na>", "null"})  # `none` and `-` may well be classes


def is_gap(cell: str) -> bool:
    """Whether a cell says that nothing is known: empty, NA, null and the like."""
    return cell.strip().casefold() in MISSING


def is_labelled(cell: str) -> bool:
    """Whether a cell is a label: not empty, NaN, NA or null."""
    return cell.strip().casefold() not in NO_LABEL


def is_number(text: str) -> bool:
    """Whether a cell is a finite number."""
    try:
        return is_plain(text) and isfinite(float(text))
    except ValueError:
        return False


def amount(cell: str) -> tuple[str, str] | None:
    """A number as `float` reads it, and its unit: `1,234.50` and ``, of `$1,234.50` also `$`, of `12%` also `%`.

    Commas stand between thousands, and nothing else: 0,125 is none. None for what is no amount.
    """
    if is_number(cell):
        return cell, ""
    found = _AMOUNT.fullmatch(cell)
    return found and (found[1] + found[3].replace(",", "") + found[4], found[2] or found[5])


def is_plain(text: str) -> bool:
    """Whether text holds only what numbers are written with as far as `float` is too generous; fast for long texts."""
    return text.isascii() and "_" not in text


def as_numbers(cells: Sequence[str], dtype: type[np.floating] = np.float64) -> np.ndarray:
    """Cells (n,) as numbers, NaN at gaps; infinite where one says so or is too large. Raises ValueError for others."""
    if not is_plain("".join(cells)):
        raise ValueError("no numbers")
    with np.errstate(over="ignore"):
        try:
            return np.array(cells, dtype=dtype)
        except ValueError:
            return np.array(["nan" if is_gap(cell) else cell for cell in cells], dtype=dtype)
