"""Parquet files, streamed as rows of text; a damaged one is refused wherever the damage lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xmr.data.readers.values import as_text
from xmr.errors import DataError, Problem, require

_CHUNK = 4096  # rows in memory at once


def read_parquet(path: Path) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the columns, and (row number, cells) of every row. Raises DataError for a damaged file."""
    parquet = require("pyarrow.parquet", "parquet", "reading Parquet")
    with _as_problem(path, "a file that is not Parquet", "Parquet as its name says"):
        file = parquet.ParquetFile(path)
        names = list(file.schema_arrow.names)
    return names, _rows(path, file)


def _rows(path: Path, file: Any) -> Iterator[tuple[int, list[str]]]:
    number, batches = 0, file.iter_batches(batch_size=_CHUNK)
    while True:
        with _as_problem(path, f"damaged Parquet behind row {number}", "a whole Parquet file"):
            batch = next(batches, None)
            columns = [] if batch is None else [column.to_pylist() for column in batch.columns]
        if batch is None:
            break
        try:
            cells = [list(map(as_text, column)) for column in columns]
        except UnicodeDecodeError as error:
            found = f"bytes that are not text behind row {number} ({error.reason})"
            raise DataError(Problem(str(path), found, "numbers, or UTF-8 text")) from error
        yield from enumerate(map(list, zip(*cells)), start=number + 1)
        number += batch.num_rows
    if number != file.metadata.num_rows:
        found = f"{number} rows where the file announces {file.metadata.num_rows}"
        raise DataError(Problem(str(path), found, "a whole Parquet file"))


@contextmanager
def _as_problem(path: Path, found: str, expected: str) -> Iterator[None]:
    """What Arrow raises for bytes that are wrong, as one line."""
    arrow = require("pyarrow", "parquet", "reading Parquet")
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError, KeyError, TypeError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise DataError(Problem(str(path), f"{found} ({reason})", expected)) from error
