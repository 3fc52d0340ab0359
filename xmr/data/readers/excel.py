"""Excel workbooks (.xlsx): the rows of the first sheet, streamed as text."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from xmr.core.arrays import check_size
from xmr.data.readers.values import as_text
from xmr.errors import DataError, Problem, require

MAX_ROWS = 1_048_576  # of a sheet, as Excel has it; a file may claim more
# What openpyxl and its readers of zip and XML raise for a damaged file; SyntaxError: ill-formed XML.
_DAMAGED = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, SyntaxError, NotImplementedError, RuntimeError),
    *(ValueError, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError),
)


def read_excel(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(row number, cells) of every row that is not empty, all with the columns of the first.

    Raises DataError for a damaged file, and MissingExtraError without openpyxl.
    """
    openpyxl = require("openpyxl", "excel", "reading Excel files")
    begin, width = 0, 0
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
        check_size(total, path, "sheets", "a workbook as Excel saves it")
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
        try:
            for number, values in enumerate(_values(book), start=1):
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


def _values(book: Any) -> Iterator[tuple[Any, ...]]:
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    yield from sheet.iter_rows(values_only=True)


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
