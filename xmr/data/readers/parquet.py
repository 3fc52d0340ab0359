"""Parquet files, streamed as columns of Python values; a damaged one is refused wherever the damage lies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xmr.errors import DataError, Problem, require


def open_parquet(path: Path, chunk: int) -> tuple[list[str], Iterator[list[list[Any]]]]:
    """The names of the columns, and the columns of `chunk` rows at a time. Raises DataError for a damaged file."""
    parquet = require("pyarrow.parquet", "parquet", "reading Parquet")
    with _said(path, "a file that is not Parquet", "Parquet as its name says"):
        file = parquet.ParquetFile(path)
        names = list(file.schema_arrow.names)

    def batches() -> Iterator[list[list[Any]]]:
        rows, parts = 0, file.iter_batches(batch_size=chunk)
        while True:
            with _said(path, f"damaged Parquet behind row {rows}", "a whole Parquet file"):
                part = next(parts, None)
                columns = None if part is None else [column.to_pylist() for column in part.columns]
            if columns is None or part is None:
                break
            rows += part.num_rows
            yield columns
        if rows != file.metadata.num_rows:
            found = f"{rows} rows where the file announces {file.metadata.num_rows}"
            raise DataError(Problem(str(path), found, "a whole Parquet file"))

    return names, batches()


@contextmanager
def _said(path: Path, found: str, expected: str) -> Iterator[None]:
    """What Arrow raises for bytes that are wrong, as one line."""
    arrow = require("pyarrow", "parquet", "reading Parquet")
    try:
        yield
    except (arrow.ArrowException, OSError, ValueError, OverflowError, KeyError, TypeError, IndexError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160]
        raise DataError(Problem(str(path), f"{found} ({reason})", expected)) from error
