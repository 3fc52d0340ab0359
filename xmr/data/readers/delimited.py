"""What parts the cells of delimited text, and how the numbers in it are written."""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import IO

from xmr.errors import DataError, Problem

SEMICOLON = ";"
LONGEST = 100_000_000  # characters of a cell: a genome fits; beyond it is a quote that is never closed
csv.field_size_limit(LONGEST)  # the process's own, which is 131,072 otherwise
_DECIMAL = re.compile(r"\s*[+-]?[0-9]+[.,][0-9]+([eE][+-]?[0-9]+)?\s*")


def parted(
    path: Path, lines: Iterable[str], delimiter: str, quote: str = '"', blanks: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """The line on which each row begins, and its cells; an empty line has none. blanks: skipped behind a delimiter.

    Raises DataError for broken quotes. Between tabs a cell with both tabs and line breaks is a lone quote that took
    whole rows in: refused.
    """
    rows = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=blanks, strict=True)
    before = 0
    try:
        for row in rows:
            line, before = before + 1, rows.line_num
            if before > line and delimiter == "\t" and any("\t" in cell and "\n" in cell for cell in row):
                found = f"a quote that goes on to line {before}, over tabs and line breaks"
                raise DataError(Problem(f"{path}:{line}", found, "quotes that close in their row"))
            yield line, row
    except csv.Error as error:
        expected = "well-formed quoting"
        if "limit" in str(error):
            expected = f"cells of at most {LONGEST:,} characters (is a quote never closed?)"
        raise DataError(Problem(f"{path}:{before + 1}", str(error), expected)) from error


def delimited(path: Path, handle: IO[str], usual: str) -> tuple[Iterator[tuple[int, list[str]]], DecimalCommas | None]:
    """The rows of a file (see `parted`), and its decimal commas where it may have some.

    Cells are parted by `usual`; where the first line that is not empty has none of it, by the semicolon or tab that
    it has. With semicolons go decimal commas, as spreadsheets write them where the comma is the decimal sign.
    """
    head = [handle.readline()]
    while head[-1] and not head[-1].strip():
        head.append(handle.readline())
    first = head[-1]
    other = next((mark for mark in (SEMICOLON, "\t") if mark in first), usual)
    delimiter = usual if usual in first else other
    rows = parted(path, chain(filter(None, head), handle), delimiter)
    return rows, DecimalCommas(path) if delimiter == SEMICOLON else None


class DecimalCommas:
    """Numbers written 1,5, which are read as 1.5; `note` says so once one was met.

    A column that writes numbers both ways is refused: 1.500 beside 1,5 may be fifteen hundred.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.note = path, ""
        self.signs: dict[int, str] = {}  # the decimal sign of each column
        self.first: dict[int, tuple[int, str]] = {}  # where that was seen: line and cell

    def points(self, line: int, cells: list[str], left: Collection[int | None] = ()) -> list[str]:
        """The cells with points, except in the columns `left` (ids and texts). Raises DataError for both signs."""
        made, signs, decimal = cells, self.signs, _DECIMAL.fullmatch
        for at, cell in enumerate(cells):
            if "," in cell:
                sign = ","
            elif "." in cell and signs.get(at) != ".":
                sign = "."
            else:
                continue
            if at in left or not decimal(cell):
                continue
            if at not in signs:
                signs[at], self.first[at] = sign, (line, cell)
            if signs[at] != sign:
                before, other = self.first[at]
                both = f"{cell.strip()!r} in column {at + 1}, and {other.strip()!r} on line {before}"
                raise DataError(Problem(f"{self.path}:{line}", both, "one decimal sign in a column"))
            if sign == ",":
                made = list(cells) if made is cells else made
                made[at] = cell.replace(",", ".")
                if not self.note:
                    example = f"{cell.strip()} on line {line} is {made[at].strip()}"
                    self.note = f"{self.path}: semicolons between cells, so commas in numbers are decimal ({example})"
        return made

    def over(
        self, rows: Iterable[tuple[int, list[str]]], left: Collection[int | None]
    ) -> Iterator[tuple[int, list[str]]]:
        """The rows, each with points."""
        return ((line, self.points(line, cells, left)) for line, cells in rows)
