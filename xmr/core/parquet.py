"""Tables of predictions as Parquet: the values of the CSV file, numbers as numbers and all else as text."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import IO

from xmr.errors import OutputError, Problem, require

SUFFIX = ".parquet"


def write_parquet(table: Path | IO[bytes], target: Path | IO[bytes], numbers: Collection[str]) -> None:
    """Convert a CSV file with a header, block by block. numbers: its columns of numbers.

    Raises OutputError for text that is not UTF-8 (names of files may hold such bytes), and MissingExtraError.
    """
    arrow, csv = require("pyarrow", "parquet", "writing Parquet"), require("pyarrow.csv", "parquet", "writing Parquet")
    parquet = require("pyarrow.parquet", "parquet", "writing Parquet")
    read = csv.ReadOptions(block_size=16 * 2**20)
    parse = csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(table, read, parse) as opened:  # the header alone: types are not guessed
        names = opened.schema.names
    if not isinstance(table, Path):
        table.seek(0)
    types = {name: arrow.float64() if name in numbers else arrow.string() for name in names}
    convert = csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False)
    try:
        with csv.open_csv(table, read, parse, convert) as rows, parquet.ParquetWriter(target, rows.schema) as writer:
            for batch in rows:
                writer.write_batch(batch)
    except arrow.ArrowInvalid as error:
        found = f"text that Parquet does not hold ({str(error).splitlines()[0]})"
        raise OutputError(Problem(str(target), found, "UTF-8 text, or a CSV file (-o)")) from error


def column_names(path: Path) -> list[str]:
    """The names of the columns of a Parquet file. Raises ValueError for another file."""
    names: list[str] = require("pyarrow.parquet", "parquet", "reading Parquet").read_schema(path).names
    return names
