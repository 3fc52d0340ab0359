"""One column of a table: what it is taken for, and its cells as numbers, dates and categories."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import numpy as np

from xmr.data.dates import ISO, moment
from xmr.data.readers.numbers import amount, as_numbers, is_gap, is_number
from xmr.data.readers.tables import SEPARATOR
from xmr.data.records import Records

Kind = Literal["number", "category", "date", "text", "skip"]
QUANTILES = 129  # kept of each number column
OTHER = "(other)"


@dataclass
class Column:
    """One column of the table as `fit` saw it.

    kind: what it is fed as; why: in words; values: its categories; gaps: whether training had some; quantiles (numbers
    and dates): of training; centre, scale: of the robust and standard scaling; buckets: of hashed categories; way: how
    dates are written.
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
    way: str = ISO


def cells_by_column(records: Records) -> list[list[str]]:
    """The cells by column, each with the blanks around it taken off."""
    width = max(1, len(records.columns))
    if not len(records):
        return [[] for _ in range(width)]
    flat = [cell.strip() for cell in SEPARATOR.join(records.inputs).split(SEPARATOR)]
    return [flat[place::width] for place in range(width)]


def natural(text: str) -> tuple[int, float, str]:
    """Numbers by value before words by letters."""
    return (0, float(text), "") if is_number(text) else (1, 0.0, text)


def counts_rows(name: str, known: list[str]) -> bool:
    """Whether cells are whole numbers, all different: of a column called id or index, or a hundred with few between."""
    if len(known) < 20 or not all(cell.isascii() and cell.isdigit() and len(cell) < 19 for cell in known):
        return False
    values = np.array([int(cell) for cell in known])
    if len(np.unique(values)) < len(values):
        return False
    named = re.search(r"(^|[^a-z])(id|index|row|number|nr|no)$", name.casefold()) is not None or not name
    return named or (len(values) >= 100 and int(np.ptp(values)) < 2 * len(values))


def numbers_of(cells: list[str], way: str | None = None) -> np.ndarray:
    """Cells as float64, NaN at gaps; dates (way: how they are written) as days since 1970."""
    if way is not None:
        start = datetime(1970, 1, 1)
        days = {cell: (date - start).total_seconds() / 86400 for cell, date in _dates(cells, way).items()}
        return np.array([days.get(cell, np.nan) for cell in cells])
    try:
        return as_numbers(cells)
    except ValueError:
        return as_numbers([(amount(cell) or ("",))[0] for cell in cells])


def calendar_of(cells: list[str], way: str) -> list[np.ndarray]:
    """Ids of month and weekday; the id of a gap is the number of values."""
    dates = _dates(cells, way)
    month = {cell: date.month - 1 for cell, date in dates.items()}
    weekday = {cell: date.weekday() for cell, date in dates.items()}
    return [np.array([ids.get(cell, gap) for cell in cells], np.int64) for ids, gap in ((month, 12), (weekday, 7))]


def _dates(cells: list[str], way: str) -> dict[str, datetime]:
    """Each date once: reading them is what takes the time."""
    return {cell: moment(cell, way) for cell in set(cells) if not is_gap(cell)}


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
            found[cell] = zlib.crc32(cell.encode("utf-8", "surrogatepass")) % column.buckets
        else:
            found[cell] = number.get(cell, beyond)
    return np.array([found[cell] for cell in cells], dtype=np.int64)


def fit_numbers(column: Column, values: np.ndarray, scaling: str) -> None:
    """Keep quantiles, center and scale of (n,) values, NaN at gaps; scaling: robust or standard."""
    known = values[~np.isnan(values)]
    known = known if len(known) else np.zeros(1)
    column.quantiles = np.quantile(known, np.linspace(0, 1, QUANTILES)).tolist()
    low, middle, high = np.quantile(known, (0.25, 0.5, 0.75))
    spread = float(high - low)
    deviation = float(known.std()) or 1.0
    if scaling == "robust" and spread > 0:
        column.centre, column.scale = float(middle), spread / 1.349  # a normal column has unit standard deviation
    else:
        column.centre, column.scale = float(middle if scaling == "robust" else known.mean()), deviation
