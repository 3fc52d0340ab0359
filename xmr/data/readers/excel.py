"""Excel workbooks (.xlsx): the rows of the first sheet that holds a table, streamed as text."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import Any

from xmr.core.arrays import check_size
from xmr.data.readers.values import as_text
from xmr.errors import DataError, Problem, require

_HEAD = 20  # rows that show whether a sheet holds a table
MAX_ROWS = 1_048_576  # of a sheet, as Excel has it; a file may claim more
# What openpyxl and its readers of zip and XML raise for a damaged file; SyntaxError: ill-formed XML.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
)


@dataclass
class Sheet:
    """Which sheet is read: said once it is known, where a workbook has several."""

    note: str = ""


def read_excel(path: Path, sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of every row that is not empty, all with the columns of the first.

    A sheet holds a table where most of its first rows have several cells; a title above it is passed over. Raises
    DataError for a damaged file, and MissingExtraError without openpyxl.
    """
    openpyxl = require("openpyxl", "excel", "reading Excel files")
    begin, width = 0, 0
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        check_size(total, path, "sheets", "a workbook as Excel saves it")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for number, values in _values(book, path, sheet):
                if number > MAX_ROWS:
                    raise DataError(Problem(str(path), f"more than {MAX_ROWS:,} rows", "a sheet that Excel can hold"))
                cells = [_text(value) for value in values]
                if not any(cells):
                    continue
                if not width:  # the table begins where its first row does, and is as wide
                    begin = next(at for at, cell in enumerate(cells) if cell)
                    width = len(_trimmed(cells)) - begin
                cells = _trimmed(cells)[begin:]
                yield number, cells + [""] * (width - len(cells))
        finally:
            book.close()
    except _DAMAGED as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise DataError(
            Problem(str(path), f"a workbook that cannot be read ({reason})", "a whole .xlsx file")
        ) from error


def _values(book: Any, path: Path, said: Sheet) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """The numbered rows of the first sheet that holds a table, without a title; of the first where none does."""
    names = [sheet.title for sheet in book.worksheets]
    for sheet in (*book.worksheets, book.worksheets[0]):
        sheet.reset_dimensions()  # what a file says of its own size may be wrong
        rows = enumerate(sheet.iter_rows(values_only=True), start=1)
        head = list(islice(rows, _HEAD))
        held = [(number, sum(map(bool, map(_text, values)))) for number, values in head]
        wide = [number for number, cells in held if cells > 1]
        if 2 * len(wide) > sum(cells > 0 for _, cells in held):
            head = head[wide[0] - 1 :]
            break
    if len(names) > 1:
        said.note = f"{path}: the sheet {sheet.title!r} is read, of {', '.join(names[:5])}"
    yield from chain(head, rows)


def _text(value: Any) -> str:
    """A date without a time of day is written as one; a formula that has no value is a gap."""
    if isinstance(value, datetime) and value.time() == datetime.min.time():
        return value.date().isoformat()
    return "" if value == "#N/A" else as_text(value)


def _trimmed(cells: list[str]) -> list[str]:
    """Without the empty cells at the end."""
    end = len(cells)
    while end and not cells[end - 1]:
        end -= 1
    return cells[:end]
