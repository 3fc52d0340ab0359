"""The one reader of files of rows and columns: any suffix to a header and rows of text, each with its line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

from xmr.data.columns import ColumnIndex
from xmr.data.readers.arff import read_arff
from xmr.data.readers.delimited import DecimalCommas, Row, read_delimited
from xmr.data.readers.excel import Sheet, read_excel
from xmr.data.readers.json_lines import JSON_LINES, read_json_lines
from xmr.data.readers.parquet import read_parquet
from xmr.data.readers.parts import role_of
from xmr.data.readers.paths import check_file
from xmr.data.readers.text import open_text
from xmr.errors import DataError, Problem

DELIMITED = (".csv", ".tsv", ".txt", ".data", ".test")
COLUMNAR = (*DELIMITED, *JSON_LINES, ".parquet", ".xlsx")
_DECIDING = 200  # rows that show whether the first is a header
_AT_ONCE = 256  # rows turned into columns at once: many lists that live long cost time in the garbage collector


@dataclass
class Block:
    """Rows next to each other: the line of each, and their cells column by column."""

    lines: list[int]
    columns: list[list[str]]

    def column(self, at: int) -> list[str]:
        """The cells of one column, without blanks around them."""
        return list(map(str.strip, self.columns[at]))


class Rows:
    """Rows of (line, cells) of one file.

    header: the names of the columns where the format states them (Parquet, JSON Lines, ARFF); else the builder of
    the records decides whether the first row holds them (`take_header`) or the columns get other names (`name`).
    commas: of delimited text that may have decimal commas. sheet: of a workbook.
    """

    def __init__(
        self,
        path: Path,
        rows: Iterator[Row],
        header: list[str] | None = None,
        commas: DecimalCommas | None = None,
        sheet: Sheet | None = None,
    ) -> None:
        self.path, self.rows, self.commas, self.sheet = path, rows, commas, sheet
        self.stated = header is not None
        self.header = header or []
        self.place = str(path)  # of the header
        self._named_by = "header"
        self.empty = 0  # columns at the end that have neither a name nor a cell, as spreadsheets write them

    @property
    def note(self) -> str:
        """The rule that acted while the rows were read, for people."""
        acted = self.commas or self.sheet
        return acted.note if acted else ""

    def peek(self, n: int = _DECIDING) -> list[Row]:
        """The first rows, with decimal points; they stay where they are."""
        head = list(islice(self.rows, n))
        self.rows = chain(head, self.rows)
        if self.commas is not None:
            with suppress(DataError):  # which columns are texts is not known yet
                seen = DecimalCommas(self.path)
                return [(line, seen.points(line, cells)) for line, cells in head]
        return head

    def take_header(self) -> list[str]:
        """The names of the columns: those that the format states, or else the first row."""
        if not self.stated:
            line, names = next(self.rows)
            self.header, self.place = [name.strip() for name in names], f"{self.path}:{line}"
            head = self.peek() if not self.header[-1] else []
            while len(self.header) > 1 and not self.header[-1]:
                if any(len(cells) >= len(self.header) and cells[len(self.header) - 1].strip() for _, cells in head):
                    break
                self.header.pop()
                self.empty += 1
        return self.header

    def name(self, names: list[str]) -> list[str]:
        """The names for the columns of a file without a header."""
        self.header, self.place, self._named_by = names, f"{self.path}:1", "first row"
        return names

    def blocks(self, size: int | None, texts: Collection[int | None] = ()) -> Iterator[Block]:
        """All rows in blocks of `size`, or in one. texts: columns in which commas are never decimal.

        Raises DataError at the line of a row that is not as wide as the header.
        """
        while (first := next(self.rows, None)) is not None:
            block = Block([], [[] for _ in self.header])
            rows = chain([first], islice(self.rows, None if size is None else size - 1))
            while some := list(islice(rows, _AT_ONCE)):
                self._add(block, some, texts)
            yield block

    def _add(self, block: Block, rows: list[Row], texts: Collection[int | None]) -> None:
        """Put rows at the end of a block."""
        width = len(block.columns)
        if self.empty:
            rows = [(line, row[:width] if not any(map(str.strip, row[width:])) else row) for line, row in rows]
        lines, cells = zip(*rows)
        if set(map(len, cells)) != {width}:
            line, row = next((line, row) for line, row in rows if len(row) != width)
            expected = f"{width} as in the {self._named_by}"
            raise DataError(Problem(f"{self.path}:{line}", f"{len(row)} fields", expected))
        if self.commas is not None:
            cells = tuple(self.commas.points(line, row, texts) for line, row in rows)
        block.lines.extend(lines)
        for column, more in zip(block.columns, zip(*cells)):
            column.extend(more)


@contextmanager
def open_rows(path: Path, expected: str, known: tuple[str, ...] = COLUMNAR) -> Iterator[Rows]:
    """The rows of a file. expected: what it should hold, for messages. known: the suffixes that are read.

    Raises DataError: missing, empty, of no known format, or damaged; MissingExtraError without the format's package.
    """
    suffix = check_file(path, known, expected)
    if suffix == ".parquet":
        header, rows = read_parquet(path)
        yield Rows(path, rows, header)
    elif suffix == ".xlsx":
        sheet = Sheet()
        yield _some(Rows(path, read_excel(path, sheet), sheet=sheet), expected)
    else:
        with open_text(path) as handle:
            if suffix == ".arff":
                header, rows = read_arff(path, handle)
                yield Rows(path, rows, header)
            elif suffix in JSON_LINES:
                header, rows = read_json_lines(path, handle)
                yield Rows(path, rows, header)
            else:
                rows, commas = read_delimited(path, handle, suffix)
                yield _some(Rows(path, rows, None, commas), expected)


def _some(rows: Rows, expected: str) -> Rows:
    """The same rows. Raises DataError where there is none."""
    if not rows.peek(1):
        raise DataError(Problem(f"{rows.path}:1", "an empty file", expected))
    return rows


def facts_of(block: Block, index: ColumnIndex, prefix: str = "") -> dict[str, Any]:
    """What the columns of ids, labels, splits and groups say, as arguments of `Records`.

    prefix: before the lines that are the ids where no column holds them.
    """
    roles: list[str] = []
    if index.set is not None:
        validation = [""] * len(block.lines) if index.validation is None else block.column(index.validation)
        roles = list(map(role_of, block.column(index.set), validation))
    return {
        "ids": [f"{prefix}{line}" for line in block.lines] if index.id is None else block.column(index.id),
        "labels": {name: block.column(at) for name, at in index.targets.items()},
        "role": roles,
        "group": [] if index.group is None else block.column(index.group),
        "line": block.lines,
    }
