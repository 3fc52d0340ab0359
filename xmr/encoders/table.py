"""Rows of a table to numbers, categories and text tokens; column types are inferred from the training set."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le
from pydantic import TypeAdapter

from xmr.core.kinds import Category, Spec, TableSet, TableSpec
from xmr.core.spaces import Tokenize
from xmr.data.columns import Columns
from xmr.data.dates import ISO, in_words, is_date, way_of
from xmr.data.readers.numbers import MISSING, amount, is_gap, is_number
from xmr.data.readers.tables import SEPARATOR, from_frame
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.encoders.columns import (
    OTHER,
    Column,
    Kind,
    calendar_of,
    cells_by_column,
    codes_of,
    counts_rows,
    fit_numbers,
    natural,
    numbers_of,
)
from xmr.encoders.state import texts
from xmr.errors import DataError, Problem, RecipeError, nearest
from xmr.tasks.base import Task, task_class

STATED = "as encoder.columns says"
MOST_LISTED, MOST_NAMED = 12, 3  # columns that are described one by one; names of numbers where these are more
_MOSTLY = 0.9  # from this fraction of numbers on, a column is numeric and other cells are errors


class TableEncoder(Encoder):
    """Columns of numbers, categories, dates and free text.

    Column types are inferred from the training set and printed by `xmr check` and `xmr run`: numbers if all cells are
    numbers, perhaps all with `%` or one currency and with commas between thousands; dates if all cells have one format,
    ISO 8601 or a usual one such as month/day/year (encoded as days, month and weekday; not if day and month cannot be
    told apart); text if cells are sentences that rarely repeat (encoded with the source's tokenizer); otherwise
    categories. Constant columns and those that number or name each row are not used. A column with at least nine tenths
    of numbers is numeric, and its other cells are errors.

    Empty cells, `?`, `NA`, `N/A`, `NaN`, `null`, `none` and `-` are missing values. A missing value is a learned
    vector; in a column without missing values in training, the column's mean. An unknown category is the mean of the
    known ones.

    Args:
        columns: types of columns, where the inferred one is wrong: name -> number, category, date, text or skip.
        scaling: numbers as ranks in the training set (-1 to 1), or scaled by median and interquartile range, or
            standardized (both clipped at 3).
        max_categories: maximum number of categories per column.
        rare: with more values, the rarest share one category, or all are hashed into `max_categories` buckets.
        unknown: an unknown category is the mean of the known ones, or an error.
        max_text_tokens: maximum number of text tokens per row.
        render: also render each row as text, for the transform `row_text`.
    """

    emits: ClassVar[str] = "table"
    reads: ClassVar[str] = "table"
    tabular: ClassVar[bool] = True

    def __init__(
        self,
        columns: dict[str, Kind] | None = None,
        scaling: Literal["quantile", "robust", "standard"] = "quantile",
        max_categories: Annotated[int, Ge(2)] = 64,
        rare: Literal["other", "hash"] = "other",
        unknown: Literal["mean", "fail"] = "mean",
        max_text_tokens: Annotated[int, Ge(1), Le(4096)] = 64,
        render: bool = False,
    ) -> None:
        self.columns, self.scaling, self.max_categories, self.rare = columns, scaling, max_categories, rare
        self.unknown, self.max_text_tokens, self.render = unknown, max_text_tokens, render
        self.seen: list[Column] = []
        self.alike: tuple[tuple[float, ...], ...] = ()
        self.file_columns: tuple[str, ...] = ()
        self.tokenize: Tokenize | None = None

    def configure(self, capacity: int = 512, rate: int | None = None, tokenize: Tokenize | None = None) -> Self:
        """Without a tokenizer there are no columns of text."""
        self.tokenize = tokenize
        return self

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """A frame, or an array (n, columns) of numbers in which NaN is a gap."""
        if hasattr(X, "columns"):
            return from_frame(X)
        X = np.asarray(X)
        if X.ndim != 2 or X.dtype.kind not in "fiub":
            raise ValueError(f"found an array of shape {X.shape} and type {X.dtype}; expected numbers (n, columns)")
        cells = [["" if np.isnan(value) else repr(value) for value in row] for row in X.tolist()]
        records = Records.of([SEPARATOR.join(row) for row in cells])
        records.columns = records.header = _array_columns(X)
        return records

    def from_json(self, items: list[Any], folder: Path) -> Records:
        """See `Encoder.from_json`: objects by column; one that is missing or null is a gap."""
        del folder
        names = [column.name for column in self.seen]
        for number, item in enumerate(items):
            strange = [] if not isinstance(item, dict) else sorted({*item} - {*names, *self.file_columns})
            if not isinstance(item, dict) or strange:
                found = f"unknown column {strange[0]!r}" if strange else f"{str(item)[:40]!r}"
                raise ValueError(
                    f"item {number}: found {found}; expected an object with columns {', '.join(names[:20])}"
                )
        records = Records.of([SEPARATOR.join(_cell(item.get(name)) for name in names) for item in items])
        records.columns = records.header = tuple(names)
        return records

    @classmethod
    def fields_for(cls, X: Any) -> dict[str, Any]:
        """Columns of an array are numbers, whatever they look like."""
        return {} if hasattr(X, "columns") else {"columns": dict.fromkeys(_array_columns(np.asarray(X)), "number")}

    def columns_for(self, wanted: Columns, task: Task) -> Columns:
        """The training columns by name, and those that are fed."""
        labels = wanted.target or ((task.column,) if task.column else task.names)
        used = tuple(column.name for column in self.seen if column.kind != "skip")
        return replace(wanted, target=labels, names=self.file_columns, features=used)

    @property
    def spec(self) -> Spec:
        """The columns and their categories."""
        numbers = [column for column in self.seen if column.kind in ("number", "date")]
        return TableSpec(
            tuple(column.name for column in numbers),
            tuple(column.gaps for column in numbers),
            tuple(self._categories()),
            1.0 if self.scaling == "quantile" else 3.0,
            tuple(column.name for column in self.seen if column.kind == "text"),
            self.alike,
            self.max_text_tokens if self._writes() else 0,
        )

    def _categories(self) -> Iterator[Category]:
        for column in self.seen:
            if column.kind == "category":
                yield Category(column.name, tuple(column.values), column.gaps)
            if column.kind == "date":
                yield Category(f"{column.name} (month)", tuple(str(month) for month in range(1, 13)), column.gaps)
                yield Category(f"{column.name} (weekday)", tuple(str(day) for day in range(1, 8)), column.gaps)

    def _writes(self) -> bool:
        return self.render or any(column.kind == "text" for column in self.seen)

    def describe(self) -> list[str]:
        """The type of each column, one line per column; one for those of the recipe, one for many numbers."""
        stated = [column for column in self.seen if column.why == STATED]
        numbers = [column for column in self.seen if column.kind == "number" and column not in stated]
        listed = [column for column in self.seen if column not in stated]
        said = []
        if len(listed) > MOST_LISTED and len(numbers) > MOST_NAMED:
            names = ", ".join(column.name for column in numbers[:MOST_NAMED])
            said.append(f"columns {names} and {len(numbers) - MOST_NAMED:,} more: number")
            listed = [column for column in listed if column not in numbers]
        said += [f"column {column.name}: {column.kind} ({column.why})" for column in listed]
        if stated:
            kinds = Counter(column.kind for column in stated)
            said.append(f"columns: {', '.join(f'{n:,} {kind}' for kind, n in kinds.items())} ({STATED})")
        return said

    def canonical(self, records: Records) -> list[str]:
        """The cells side by side, gaps alike."""
        return [
            SEPARATOR.join("" if cell.casefold() in MISSING else cell for cell in text.split(SEPARATOR))
            for text in records.inputs
        ]

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """The number of missing cells."""
        return {"the number of missing cells": np.sum([list(map(is_gap, c)) for c in cells_by_column(records)], axis=0)}

    def shown(self, records: Records) -> list[str]:
        """The cells by the names of their columns."""
        rows = zip(*cells_by_column(records)) if len(records) else ()
        return [", ".join(f"{name}: {cell}" for name, cell in zip(records.columns, row)) for row in rows]

    def numbers(self, records: Records) -> dict[str, np.ndarray]:
        """The columns of numbers."""
        table = cells_by_column(records)
        known = [column for column in self.seen if column.kind == "number"]
        return {f"column {c.name}": numbers_of(table[self._place(records, c.name)]) for c in known}

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Rows with a cell that is not a number or date in such a column; unknown categories if they are refused.

        Raises DataError where a column of training is not there.
        """
        if not len(records):
            return {}
        table = cells_by_column(records)
        if not fitted:
            self._named(records)
            known = [self._kind(name, column) for name, column in zip(records.columns, table)]
            kinds = list(zip(records.columns, table, known))
        else:
            kinds = [(column.name, table[self._place(records, column.name)], column) for column in self.seen]
        wrong: dict[int, str] = {}
        for name, cells, column in kinds:
            if column.kind in ("number", "date"):
                bad = {cell for cell in set(cells) if not is_gap(cell) and not _fits(column, cell)}
                expected = "a number" if column.kind == "number" else _date_in_words(column.way)
                for index in [i for i, cell in enumerate(cells) if cell in bad] if bad else []:
                    hint = f" (or encoder.columns: {{{name}: category}})"
                    wrong.setdefault(index, f"found {cells[index]!r} in column {name!r}; expected {expected}{hint}")
            elif fitted and column.kind == "category" and self.unknown == "fail" and not column.buckets:
                known_values = {*column.values}
                for index, cell in enumerate(cells):
                    if cell not in known_values and OTHER not in known_values and not is_gap(cell):
                        close = nearest(cell, column.values)
                        hint = f" (nearest: {close})" if close else ""
                        expected = f"a value seen in training{hint}"
                        wrong.setdefault(index, f"found {cell!r} in column {name!r}; expected {expected}")
        return wrong

    def _named(self, records: Records) -> None:
        """Columns the recipe speaks of must be there."""
        for name in self.columns or {}:
            if name not in records.columns:
                found = f"columns {', '.join(records.columns)}"
                raise RecipeError(
                    Problem("encoder.columns", f"{name!r}, not a column", found, nearest(name, records.columns))
                )

    def _place(self, records: Records, name: str) -> int:
        """Where a column of training stands in these records, in whatever order they are."""
        if name not in records.columns:
            found = f"columns {', '.join(records.columns)}"
            expected = f"a column {name!r}, as in training"
            raise DataError(Problem(records.file, found, expected, nearest(name, records.columns)))
        return records.columns.index(name)

    def _kind(self, name: str, cells: list[str]) -> Column:
        """What a column is, and why."""
        known = [cell for cell in cells if not is_gap(cell)]
        gaps = len(known) < len(cells)
        counts = Counter(known)
        share = f", {1 - len(known) / len(cells):.0%} missing" if gaps else ""
        asked = (self.columns or {}).get(name)
        if asked == "text" and self.tokenize is None:
            raise RecipeError(Problem(f"encoder.columns.{name}", "text", "another kind: this source reads no words"))
        if asked is not None:
            column = Column(name, asked, f"{STATED}{share}", gaps=gaps)
            column.way = (way_of(counts) if asked == "date" else None) or ISO
            return column
        if not known:
            return Column(name, "skip", "all cells are missing")
        if len(counts) == 1 and not gaps:
            return Column(name, "skip", f"constant: {known[0]!r}")
        units, example = Counter[str](), ""
        for cell, n in counts.items():
            if (found := amount(cell)) is not None:
                units[found[1]] += n
                example = example or ("" if is_number(cell) else f", {cell!r} read as {float(found[0]):g}")
        if max(units.values(), default=0) >= _MOSTLY * len(known):
            if counts_rows(name, known):
                return Column(name, "skip", "numbers the rows")
            return Column(name, "number", f"{len(counts)} distinct numbers{example}{share}", gaps=gaps)
        if way := way_of(counts):
            return Column(name, "date", f"{len(counts)} dates, {in_words(way)}{share}", gaps=gaps, way=way)
        if len(counts) > 0.5 * len(known) and np.mean([cell.count(" ") for cell in counts]) >= 3:
            if self.tokenize is None:
                return Column(name, "skip", "free text, and this source reads no words")
            return Column(name, "text", f"sentences that rarely repeat{share}", gaps=gaps)
        if len(known) >= 20 and len(counts) > 0.9 * len(known):
            return Column(name, "skip", "a name of each row")
        return Column(name, "category", f"{len(counts)} values{share}", gaps=gaps)

    def fit(self, records: Records) -> Self:
        """What every column is, its categories and its scale. Raises DataError where no column is left."""
        self._named(records)
        self.file_columns = records.header or records.columns
        table = cells_by_column(records)
        self.seen = []
        for name, cells in zip(records.columns, table):
            column = self._kind(name, cells)
            if column.kind == "category":
                self._fit_categories(column, Counter(cell for cell in cells if not is_gap(cell)))
            elif column.kind in ("number", "date"):
                fit_numbers(column, _numbers(column, cells), self.scaling)
            self.seen.append(column)
        if not any(column.kind != "skip" for column in self.seen):
            raise DataError(Problem(records.file, "no column that says anything", "numbers, categories or text"))
        self.alike = self._alike(records)
        return self

    def _fit_categories(self, column: Column, counts: Counter[str]) -> None:
        if len(counts) <= self.max_categories:
            column.values = sorted(counts, key=natural)
        elif self.rare == "hash":
            column.buckets = self.max_categories
            column.values = [f"bucket {number}" for number in range(self.max_categories)]
            column.why += f"; hashed into {self.max_categories}"
        else:
            kept = [value for value, _ in counts.most_common(self.max_categories - 1)]
            column.values = [*sorted(kept, key=natural), OTHER]
            column.why += f"; the rarest {len(counts) - len(kept)} are one"

    def _alike(self, records: Records) -> tuple[tuple[float, ...], ...]:
        """Absolute rank correlation of every two columns, categories ranked by how often they are seen."""
        data = self.encode(records)
        codes = data.categories.numpy()
        ranked = []
        for column in codes.T:
            order = np.argsort(np.argsort(-np.bincount(column)))
            ranked.append(order[column].astype(np.float64))
        ranks = [np.argsort(np.argsort(column, kind="stable")).astype(np.float64) for column in data.numbers.numpy().T]
        rows = np.array([*ranks, *ranked])
        if not len(rows) or rows.shape[1] < 3:
            return ()
        rows = rows - rows.mean(axis=1, keepdims=True)
        norm = np.linalg.norm(rows, axis=1)
        found = np.abs(rows @ rows.T) / np.maximum(norm[:, None] * norm[None], 1e-12)
        return tuple(tuple(float(x) for x in row) for row in found.round(4))

    def encode(self, records: Records) -> TableSet:
        """Encode every row once. Raises DataError naming file and line of what cannot be read."""
        self.require_valid(records)
        table = cells_by_column(records)
        numbers: list[np.ndarray] = []
        missing: list[np.ndarray] = []
        raw: list[np.ndarray] = []
        categories: list[np.ndarray] = []
        for column in self.seen:
            if column.kind == "skip" or column.kind == "text":
                continue
            cells = table[self._place(records, column.name)]
            if column.kind == "category":
                categories.append(codes_of(column, cells))
                continue
            values = _numbers(column, cells)
            gap = np.isnan(values)
            numbers.append(np.where(gap, 0.0, self._scaled(column, np.where(gap, 0.0, values))).astype(np.float32))
            missing.append(gap)
            raw.append(values)
            if column.kind == "date":
                categories.extend(calendar_of(cells, column.way))
        n = len(records)
        words = self._words(records, table) if self._writes() else None
        return TableSet(
            np.stack(numbers, axis=1) if numbers else np.zeros((n, 0), np.float32),
            np.stack(missing, axis=1) if missing else np.zeros((n, 0), bool),
            np.stack(categories, axis=1) if categories else np.zeros((n, 0), np.int64),
            words,
            np.stack(raw, axis=1) if raw else np.zeros((n, 0)),
        )

    def _scaled(self, column: Column, values: np.ndarray) -> np.ndarray:
        if self.scaling != "quantile":
            return np.clip((values - column.centre) / column.scale, -3, 3)
        knots = np.asarray(column.quantiles)
        distinct, first = np.unique(knots, return_index=True)
        last = len(knots) - 1 - np.unique(knots[::-1], return_index=True)[1]
        middle = (first + last) / 2 / (len(knots) - 1)  # equal values share the middle of their ranks
        return 2 * np.interp(values, distinct, middle) - 1

    def _words(self, records: Records, table: list[list[str]]) -> list[list[int]]:
        """Token ids of the free text of every row, or of the whole row written out."""
        if self.tokenize is None:
            raise RecipeError(Problem("encoder.render", "a source that reads no words", "a language source"))
        wanted = [c for c in self.seen if c.kind == "text" or (self.render and c.kind != "skip")]
        cells = [table[self._place(records, column.name)] for column in wanted]
        rows = []
        for row in zip(*cells):
            said = [
                f"{column.name} is {cell}" if self.render else cell
                for column, cell in zip(wanted, row)
                if not is_gap(cell)
            ]
            rows.append(", ".join(said))
        return [ids[: self.max_text_tokens] for ids in self.tokenize(rows)]

    def state(self) -> dict[str, Any]:
        """Every column as `fit` saw it."""
        return {
            "columns": [asdict(column) for column in self.seen],
            "alike": [list(row) for row in self.alike],
            "file_columns": list(self.file_columns),
        }

    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        self.seen = TypeAdapter(list[Column]).validate_json(json.dumps(state["columns"]), strict=True)
        short = [column.name for column in self.seen if column.kind in ("number", "date") and len(column.quantiles) < 2]
        if short and self.scaling == "quantile":
            raise ValueError(f"the column {short[0]!r} has no quantiles")
        self.alike = tuple(tuple(row) for row in state["alike"])
        self.file_columns = texts(state, "file_columns")
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Rows of ages, wages, trades and towns with gaps, labelled by age and trade."""
        rng = np.random.default_rng(seed)
        age, wage = rng.integers(18, 80, n), rng.lognormal(3, 1, n)
        trade, town = rng.choice(["smith", "baker", "clerk"], n), rng.choice(["north", "south"], n)
        score = age / 40 + (trade == "smith") + 0.1 * rng.normal(size=n)
        gap = rng.random(n) < 0.1
        like = {"number": "0.5", "category": "smith", "date": "2020-02-29", "text": "a plain row of words", "skip": "x"}
        more = {name: like[kind] for name, kind in (self.columns or {}).items()}  # what a recipe names is there
        rows = [
            SEPARATOR.join((str(a), "?" if g else f"{w:.2f}", str(t), "" if g else str(o), *more.values()))
            for a, w, t, o, g in zip(age, wage, trade, town, gap)
        ]
        columns = task_class(task).example_labels(score.tolist(), (town == "north").tolist())
        made = Records.of(rows, columns)
        made.columns = ("an age", "a wage", "a trade", "a town", *more)
        return made


def _array_columns(X: np.ndarray) -> tuple[str, ...]:
    return tuple(f"x{number}" for number in range(X.shape[1]))


def _fits(column: Column, cell: str) -> bool:
    """Whether a cell is a number, or a date, as the column's kind asks."""
    return amount(cell) is not None if column.kind == "number" else is_date(cell, column.way)


def _numbers(column: Column, cells: list[str]) -> np.ndarray:
    """A column of numbers or dates as numbers."""
    return numbers_of(cells, column.way if column.kind == "date" else None)


def _date_in_words(way: str) -> str:
    return "an ISO date" if way == ISO else f"a date written {in_words(way)}"


def _cell(value: Any) -> str:
    """A value of JSON as a cell of a file."""
    return "" if value is None else str(value).replace(SEPARATOR, " ")
