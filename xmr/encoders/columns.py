"""One column of a table: what it is taken for, and its cells as numbers, dates and categories."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from xmr.data.records import Records
from xmr.data.rows import MISSING, SEPARATOR, is_number

Kind = Literal["number", "category", "date", "text", "skip"]
QUANTILES = 129  # kept of each number column
OTHER = "(other)"


@dataclass
class Column:
    """One column of the table as `fit` saw it.

    kind: what it is fed as; why: in words; values: its categories; gaps: whether training had some; quantiles (numbers
    and dates): of training; centre, scale: of the robust and standard scaling; buckets: of hashed categories.
    """

    name: str
    kind: Kind
    why: str
    values: list[str] = field(default_factory=list)
    gaps: bool = False
    quantiles: list[float] = field(default_factory=list)
    centre: float = 0.0
    scale: float = 1.0
    buckets: int = 0


def cells_by_column(records: Records) -> list[list[str]]:
    """The cells by column, each with the blanks around it taken off."""
    width = max(1, len(records.columns))
    if not len(records):
        return [[] for _ in range(width)]
    flat = [cell.strip() for cell in SEPARATOR.join(records.inputs).split(SEPARATOR)]
    return [flat[place::width] for place in range(width)]


def is_gap(cell: str) -> bool:
    """Whether a cell says that nothing is known: empty, NA, null and the like."""
    return cell.casefold() in MISSING


def is_date(cell: str) -> bool:
    """Whether a cell is an ISO date, with or without a time; a bare number is not."""
    try:
        datetime.fromisoformat(cell)
    except ValueError:
        return False
    return not is_number(cell)


def natural(text: str) -> tuple[int, float, str]:
    """Numbers by value before words by letters."""
    return (0, float(text), "") if is_number(text) else (1, 0.0, text)


def counts_rows(name: str, known: list[str]) -> bool:
    """Whether cells are whole numbers, all different: of a column called id or index, or a hundred with few between."""
    if len(known) < 20 or not all(cell.isdigit() for cell in known):
        return False
    values = np.array([int(cell) for cell in known])
    if len(np.unique(values)) < len(values):
        return False
    named = re.search(r"(^|[^a-z])(id|index|row|number|nr|no)$", name.casefold()) is not None or not name
    return named or (len(values) >= 100 and int(np.ptp(values)) < 2 * len(values))


def numbers_of(cells: list[str], kind: str) -> np.ndarray:
    """Cells as float64, NaN at gaps; dates as days since 1970."""
    if kind == "date":
        start = datetime(1970, 1, 1)
        dates = [None if is_gap(cell) else datetime.fromisoformat(cell).replace(tzinfo=None) for cell in cells]
        return np.array([np.nan if date is None else (date - start).total_seconds() / 86400 for date in dates])
    try:
        return np.array(cells, dtype=np.float64)
    except ValueError:
        return np.array(["nan" if is_gap(cell) or not is_number(cell) else cell for cell in cells], dtype=np.float64)


def calendar_of(cells: list[str]) -> list[np.ndarray]:
    """Ids of month and weekday; the id of a gap is the number of values."""
    dates = [None if is_gap(cell) else datetime.fromisoformat(cell) for cell in cells]
    month = np.array([12 if date is None else date.month - 1 for date in dates], dtype=np.int64)
    return [month, np.array([7 if date is None else date.weekday() for date in dates], dtype=np.int64)]


def codes_of(column: Column, cells: list[str]) -> np.ndarray:
    """Ids of a column of categories: its values, then gap, then unseen (see `Category`)."""
    gap, unseen = len(column.values), len(column.values) + 1
    number = {value: index for index, value in enumerate(column.values)}
    beyond = number.get(OTHER, unseen)
    found: dict[str, int] = {}
    for cell in set(cells):
        if is_gap(cell):
            found[cell] = gap
        elif column.buckets:
            found[cell] = zlib.crc32(cell.encode()) % column.buckets
        else:
            found[cell] = number.get(cell, beyond)
    return np.array([found[cell] for cell in cells], dtype=np.int64)


def fit_numbers(column: Column, values: np.ndarray, scaling: str) -> None:
    """Keep quantiles, centre and scale of (n,) values, NaN at gaps; scaling: robust or standard."""
    known = values[~np.isnan(values)]
    known = known if len(known) else np.zeros(1)
    column.quantiles = np.quantile(known, np.linspace(0, 1, QUANTILES)).tolist()
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    spread = float(high - low)
    deviation = float(known.std()) or 1.0
    if scaling == "robust" and spread > 0:
        column.centre, column.scale = float(middle), spread / 1.349  # a normal column has unit deviation
    else:
        column.centre, column.scale = float(middle if scaling == "robust" else known.mean()), deviation
