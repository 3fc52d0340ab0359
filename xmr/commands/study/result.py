"""What a study measured: one cell per row and column, a paired test over seeds, and a verdict per row."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from xmr.core.component import Section, problems_of
from xmr.errors import DataError, Problem
from xmr.metrics.registry import higher_is_better
from xmr.metrics.seeds import paired_p

SIGNIFICANT = 0.05  # a p below this is called a difference
_NAMED = 2  # columns that a verdict names; more are counted
_UNTESTED = ("ahead of", "behind")
_ORDER = ("better than", "worse than", "no significant difference from", *_UNTESTED, "equal to")
TEST = "two-sided paired t-test over the seeds"

Kind = Literal["program", "control", "baseline"]


class Cell(Section):
    """One row in one column.

    interval: 95 % bootstrap interval over the test records, of a single seed; p: paired t-test against the first row;
    choice: the alternative that was chosen; error: standard error of the difference to what `xmr auto` chose, over the
    test records of a seed (the mean over seeds).
    """

    mean: float
    std: float | None = None
    values: list[float] | None = None
    interval: list[float] | None = None
    p: float | None = None
    choice: str | None = None
    error: float | None = None


class ResultRow(Section):
    """One row. seeds: if not those of the table; mean: over the columns `mean_of` of the table."""

    kind: Kind
    seeds: int | None = None
    mean: float | None = None
    cells: dict[str, Cell]
    verdict: str = ""


class Result(Section):
    """A table of results as it is kept in results/*.json.

    columns: column -> metric; repeats: variants, such as held-out groups, over which a cell averages besides its
    seeds; mean_of: the columns that the mean is taken over; transcribed: the figures were copied from where they were
    published first, by the command `measured_with`, and the values of the single seeds were not kept.
    """

    title: str
    question: str = ""
    command: str
    transcribed: bool = False
    measured_with: str = ""
    seeds: int
    columns: dict[str, str] = Field(default_factory=dict)
    rows: dict[str, ResultRow] = Field(default_factory=dict)
    repeats: list[str] = Field(default_factory=list)
    mean_of: list[str] = Field(default_factory=list)
    failures: dict[str, str] = Field(default_factory=dict)

    def best(self, column: str, kinds: Sequence[Kind], without: Sequence[str] = ()) -> str | None:
        """The row of these kinds that is best in a column, besides some; None where there is none."""
        sign = 1 if higher_is_better(self.columns[column]) else -1
        known = {name: row for name, row in self.rows.items() if name not in without and _has(row, column, kinds)}
        found = {name: sign * row.cells[column].mean for name, row in known.items()}
        return max(found, key=lambda name: found[name]) if found else None


def _has(row: ResultRow, column: str, kinds: Sequence[Kind]) -> bool:
    return row.kind in kinds and column in row.cells


def cell(
    values: Sequence[float], reference: Cell | None = None, choice: str | None = None, error: float | None = None
) -> Cell | None:
    """The cell of one value per seed; None where a value is not defined. reference: the first row's cell."""
    if not values or not all(map(math.isfinite, values)):
        return None
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    p = paired_p(reference.values, values) if reference is not None and reference.values else math.nan
    tested = p if math.isfinite(p) else None
    return Cell(mean=float(np.mean(values)), std=std, values=list(values), p=tested, choice=choice, error=error)


def with_verdicts(result: Result) -> Result:
    """The result with the verdict of every row, and with the mean of rows that have single values."""
    first = next(iter(result.rows), None)
    for name, row in result.rows.items():
        shared = [row.cells[column] for column in result.mean_of if column in row.cells]
        if shared and len(shared) == len(result.mean_of) and not result.transcribed:
            row.mean = float(np.mean([found.mean for found in shared]))
        row.verdict = _of_the_first(result, name) if name == first else _of_another(result, name, str(first))
    return result


def _of_the_first(result: Result, name: str) -> str:
    """The first row against the best baseline of each column."""
    groups: dict[str, list[str]] = {}
    for column in result.rows[name].cells:
        best = result.best(column, ("baseline",))
        if best is not None:
            outcome = _outcome(result, column, name, best, result.rows[best].cells[column].p)
            groups.setdefault(outcome, []).append(column)
    return _grouped(groups, result, "the best baseline") if groups else "no baseline to compare with"


def _of_another(result: Result, name: str, first: str) -> str:
    """Another row against the first."""
    groups: dict[str, list[str]] = {}
    for column, found in result.rows[name].cells.items():
        if column in result.rows[first].cells:
            groups.setdefault(_outcome(result, column, name, first, found.p), []).append(column)
    return _grouped(groups, result, first)


def _outcome(result: Result, column: str, one: str, other: str, p: float | None) -> str:
    """Better, worse or no difference; where there is no test, ahead or behind."""
    a, b = (result.rows[name].cells[column].mean for name in (one, other))
    ahead = a > b if higher_is_better(result.columns[column]) else a < b
    if p is None:
        return "equal to" if a == b else f"{'ahead of' if ahead else 'behind'}"
    if p >= SIGNIFICANT:
        return "no significant difference from"
    return f"{'better' if ahead else 'worse'} than"


def _grouped(groups: dict[str, list[str]], result: Result, other: str) -> str:
    """`better than X (A); worse than X (B, C)`; columns are not named where it is so in all."""
    parts = []
    for outcome in sorted(groups, key=_ORDER.index):
        columns = groups[outcome]
        where = ", ".join(columns) if len(columns) <= _NAMED else f"{len(columns)} of {len(result.columns)} columns"
        note = ", not tested" if outcome in _UNTESTED else ""
        parts.append(f"{outcome} {other}{note}" + (f" ({where})" if len(columns) < len(result.columns) else ""))
    return "; ".join(parts)


def as_json(result: Result) -> dict[str, Any]:
    """What a result file holds."""
    return result.model_dump(exclude_none=True, exclude_defaults=True)


def read_result(path: Path) -> Result:
    """A result file, checked. Raises DataError that names the file and the field."""
    try:
        return Result.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise DataError(problems_of(error, Result, lambda field: f"{path}: {'.'.join(map(str, field))}")) from None
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(Problem(str(path), str(error), "a result file of `xmr study`")) from None
