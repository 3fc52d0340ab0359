"""What parts the cells of delimited text, and how the numbers in it are written."""

from __future__ import annotations

import csv
import re
from itertools import chain
from typing import IO, Any

SEMICOLON = ";"
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*")


def delimited(handle: IO[str], usual: str) -> tuple[Any, bool]:
    """A `csv.reader` over a file, and whether its numbers may have decimal commas.

    Cells are parted by `usual`; where the first line that is not empty has none of it, by the semicolon or tab that
    it has. With semicolons go decimal commas, as spreadsheets write them where the comma is the decimal sign.
    """
    head = [handle.readline()]
    while head[-1] and not head[-1].strip():
        head.append(handle.readline())
    first = head[-1]
    other = next((mark for mark in (SEMICOLON, "\t") if mark in first), usual)
    delimiter = usual if usual in first else other
    return csv.reader(chain(filter(None, head), handle), delimiter=delimiter, strict=True), delimiter == SEMICOLON


def with_points(cells: list[str]) -> list[str]:
    """1,5 as 1.5 in every cell that is such a number."""
    return [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in cells]
