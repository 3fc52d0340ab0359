"""Rows of delimited text: what separates the cells, and how the numbers in them are written."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import IO

from xmr.errors import DataError, Problem

SEMICOLON = ";"
Row = tuple[int, list[str]]  # line and cells
_HEAD = 200  # lines from which delimiter and quotes are inferred
LONGEST = 100_000_000  # characters of a cell: a genome fits; beyond it is a quote that is never closed
csv.field_size_limit(LONGEST)  # the process's own, which is 131,072 otherwise
_DECIMAL = re.compile(r"\s*[+-]?[0-9]+[.,][0-9]+([eE][+-]?[0-9]+)?(\s?[%$€£¥])?\s*")
_THOUSANDS = re.compile(r"\s*[+-]?[1-9][0-9]{0,2}(\.[0-9]{3})+,[0-9]+(\s?[%$€£¥])?\s*")


def read_delimited(path: Path, handle: IO[str], suffix: str) -> tuple[Iterator[Row], DecimalCommas | None]:
    """The rows of a file, and its decimal commas where it may have some.

    Delimiter and quotes are inferred from the first lines. With semicolons go decimal commas, as spreadsheets write
    them where the comma is the decimal sign. Empty lines are skipped, and remarks: lines before the first row that
    begin with a bar or `#`, unless that row has as many cells. Raises DataError for broken quotes.
    """
    head = list(islice(handle, _HEAD))
    first = next((at for at, line in enumerate(head) if line.strip() and not line.startswith(("|", "#"))), len(head))
    if first and head[first - 1].startswith("#") and first < len(head):  # a header such as #chrom, start
        mark = _delimiter([head[first]], suffix)
        first -= len(head[first - 1].split(mark)) == len(head[first].split(mark)) > 1
    lines = [line for line in head[first:] if line.strip()]
    delimiter = _delimiter(lines, suffix)
    if delimiter == "|":  # then a bar at the start is an empty cell
        first = 0
    rows: Iterator[Row]
    if delimiter is None:
        words = ((line, text.split()) for line, text in enumerate(chain(head[first:], handle), start=first + 1))
        rows = (row for row in words if row[1])
    else:
        rows = _split(path, chain(head[first:], handle), first, delimiter, _quote(lines, delimiter))
    return rows, DecimalCommas(path) if delimiter == SEMICOLON else None


def _split(path: Path, lines: Iterable[str], before: int, delimiter: str, quote: str) -> Iterator[Row]:
    """The line on which each row begins, and its cells, without empty rows. before: the number of lines before these.

    Raises DataError for broken quotes. Between tabs a cell with both tabs and line breaks is a lone quote that took
    whole rows in: refused.
    """
    rows = csv.reader(lines, delimiter=delimiter, quotechar=quote, skipinitialspace=True, strict=True)
    end = before
    try:
        for row in rows:
            line, end = end + 1, before + rows.line_num
            if end > line and delimiter == "\t" and any("\t" in cell and "\n" in cell for cell in row):
                found = f"a quote that extends to line {end}, over tabs and line breaks"
                raise DataError(Problem(f"{path}:{line}", found, "quotes that close in their row"))
            if len(row) > 1 or (row and row[0].strip()):
                yield line, row
    except csv.Error as error:
        expected = "well-formed quoting"
        if "limit" in str(error):
            expected = f"cells of at most {LONGEST:,} characters (is a quote never closed?)"
        raise DataError(Problem(f"{path}:{end + 1}", str(error), expected)) from error


def _delimiter(lines: list[str], suffix: str) -> str | None:
    """What separates the cells of the first lines: a mark that the first one has, or None for blanks.

    Of several marks, the one that gives all rows equally many cells, or else most of them. The comma comes last: it
    may stand in the numbers between the others.
    """
    marks = [mark for mark in (SEMICOLON, "\t", "|", ",") if lines and mark in lines[0]]
    if suffix == ".tsv" and "\t" in marks:
        return "\t"
    if len(marks) < 2:
        widths = {len(line.split()) for line in lines}
        blanks = suffix not in (".csv", ".tsv") or (len(widths) == 1 and widths != {1})
        return marks[0] if marks else None if blanks else ","
    return max(marks, key=lambda mark: _regularity(lines, mark))


def _regularity(lines: list[str], delimiter: str) -> float:
    """The fraction of the rows that have the most usual number of cells, if that is more than one."""
    try:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if row)
    except csv.Error:  # a cell longer than the reader takes: these are not the rows
        return 0.0
    usual, count = max(widths.items(), key=lambda item: (item[1], item[0]))
    return count / widths.total() if usual > 1 else 0.0


def _quote(lines: list[str], delimiter: str) -> str:
    """Single quotes where they stand around whole cells, no other cell begins with one, and none is double."""
    text = "".join(lines)
    if '"' in text or "'" not in text:
        return '"'
    edge = re.escape(delimiter)
    blanks = rf"(?:(?!{edge})[^\S\n])*+"  # no delimiter among them and no way back: a long run is read once
    begin = rf"(?:^|(?<={edge})){blanks}'"
    rest, whole = re.subn(rf"{begin}[^'\n]*+'{blanks}(?={edge}|$)", "", text, flags=re.MULTILINE)
    return "'" if whole and not re.search(begin, rest, re.MULTILINE) else '"'


class DecimalCommas:
    """Numbers written 1,5, which are read as 1.5; `note` says so once one was met.

    A column that writes numbers both ways is refused: 1.500 in a column with 1,5 may be fifteen hundred.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.note = path, ""
        self.signs: dict[int, str] = {}  # the decimal sign of each column
        self.first: dict[int, tuple[int, str]] = {}  # where that was seen: line and cell

    def points(self, line: int, cells: list[str], texts: Collection[int | None] = ()) -> list[str]:
        """The cells with points, except in the columns `texts` (ids too). Raises DataError for both signs."""
        made, signs, decimal = cells, self.signs, _DECIMAL.fullmatch
        for at, cell in enumerate(cells):
            if "," in cell:
                sign = ","
            elif "." in cell and signs.get(at) != ".":
                sign = "."
            else:
                continue
            if at in texts or not (decimal(cell) or (sign == "," and _THOUSANDS.fullmatch(cell))):
                continue
            if at not in signs:
                signs[at], self.first[at] = sign, (line, cell)
            if signs[at] != sign:
                before, other = self.first[at]
                both = f"{cell.strip()!r} in column {at + 1}, and {other.strip()!r} on line {before}"
                raise DataError(Problem(f"{self.path}:{line}", both, "one decimal sign in a column"))
            if sign == ",":
                made = list(cells) if made is cells else made
                made[at] = cell.replace(".", "").replace(",", ".")
                if not self.note:
                    example = f"{cell.strip()} on line {line} is {made[at].strip()}"
                    self.note = f"{self.path}: semicolons between cells, so commas in numbers are decimal ({example})"
        return made
