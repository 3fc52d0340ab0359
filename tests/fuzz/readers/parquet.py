"""Parquet: of sequences, tables, series and tables over time."""

from __future__ import annotations

import io
import struct
from datetime import date
from decimal import Decimal
from random import Random
from typing import Any, ClassVar

import numpy as np

from tests.fuzz.damage import NUMBERS, TEXTS, Mutator
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.forecast import FORECAST, over_time
from tests.fuzz.readers.sequences import PROTEIN, sequences
from tests.fuzz.readers.series import SERIES, wide
from tests.fuzz.readers.tables import HEADER, TABLE, table_rows


def _file(columns: dict[str, Any], **more: Any) -> bytes:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    out = io.BytesIO()
    parquet.write_table(arrow.table(columns), out, **more)
    return out.getvalue()


def _columns(data: bytes) -> dict[str, list[Any]] | None:
    """The columns of a file that still can be read."""
    import pyarrow.parquet as parquet

    try:
        table = parquet.read_table(io.BytesIO(data), use_threads=False)
        return {name: column.to_pylist() for name, column in zip(table.column_names, table.columns)}
    except Exception:  # damaged before: of no use here
        return None


def other_cell(random: Random, data: bytes) -> bytes:
    """A well-formed file with another value in one place, or in a whole column of another type."""
    columns = _columns(data)
    if not columns:
        return data
    name = random.choice(list(columns))
    column = columns[name]
    odd = (
        None,
        float("nan"),
        float("inf"),
        1e308,
        2**62,
        -1,
        0,
        True,
        b"\xff\xfe",
        b"ab",
        [1, 2],
        {"a": 1},
        date(2020, 1, 1),
    )
    value = random.choice((*odd, Decimal("1.5"), "", "\x1f", "a\0b", "\x1b[2J", "ACD\nEF", *TEXTS, *NUMBERS[:34]))
    if random.random() < 0.5 and column:
        at = random.randrange(len(column))
        columns[name] = [*column[:at], value, *column[at + 1 :]]
    else:
        columns[name] = [value] * len(column)
    try:
        return _file(columns)
    except Exception:  # no column holds both kinds
        return _file({**columns, name: [str(one) for one in columns[name]]})


def other_columns(random: Random, data: bytes) -> bytes:
    """A well-formed file with a column gone, renamed, twice, or without rows."""
    columns = _columns(data)
    if not columns:
        return data
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    names, held = list(columns), list(columns.values())
    at, how = random.randrange(len(names)), random.randrange(5)
    if how == 0:
        names, held = names[:at] + names[at + 1 :], held[:at] + held[at + 1 :]
    elif how == 1:
        names[at] = random.choice(("", "id", "label", "\x1b]0;x\x07", "é", "sequence", "time", random.choice(names)))
    elif how == 2:
        names, held = [*names, names[at]], [*held, held[at]]
    elif how == 3:
        held = [column[:0] for column in held]
    else:
        held = [column[: random.randint(1, 3)] for column in held]
    out = io.BytesIO()
    try:
        parquet.write_table(arrow.Table.from_arrays([arrow.array(column) for column in held], names=names), out)
    except Exception:  # nothing left to write
        return data
    return out.getvalue()


def footer_length(random: Random, data: bytes) -> bytes:
    """Another length of the footer."""
    length = random.choice((0, 1, 4, 100, len(data), 2**31 - 1, 2**32 - 1))
    return data[:-8] + struct.pack("<I", length) + data[-4:]


def in_the_footer(random: Random, data: bytes) -> bytes:
    """A byte of the footer, where counts, sizes and offsets are."""
    begin = max(0, len(data) - 600)
    at = random.randrange(begin, max(begin + 1, len(data) - 8))
    return data[:at] + bytes([random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))]) + data[at + 1 :]


class Parquet(FileReader):
    """Four readers of one format."""

    name = "parquet"
    text = False
    mutators: ClassVar[tuple[Mutator, ...]] = (other_cell, other_cell, other_columns, footer_length, in_the_footer)

    def seeds(self) -> list[Seed]:
        """Plain, compressed, in several row groups, with a dictionary or without."""
        rows = sequences()
        labels = ["ab"[i // 2 % 2] for i in range(len(rows))]
        table = [[cell or None for cell in column] for column in zip(*table_rows())]
        ages = [None if cell == "?" else int(cell) for cell in table[0] if cell is not None]
        weights = [None if cell is None else float(cell) for cell in table[4]]
        mixed = dict(
            zip(HEADER, [ages, table[1], table[2], [date.fromisoformat(str(d)) for d in table[3]], weights, table[5]])
        )
        values, kinds = wide()
        channels = {f"t{i}": values[:, i].astype(np.float64) for i in range(values.shape[1])}
        clock, held = over_time()
        return [
            Seed("sequences.parquet", _file({"id": [f"p{i}" for i in range(len(rows))], "sequence": rows,
            "label": labels}), PROTEIN),
            Seed("groups.parquet", _file({"sequence": rows, "label": labels}, row_group_size=5, compression="gzip"),
            PROTEIN),
            Seed("table.parquet", _file(mixed, use_dictionary=False), TABLE),
            Seed("series.parquet", _file({**channels, "label": kinds}, compression="none"), SERIES),
            Seed("time.parquet", _file({"date": clock, "a": held[:, 0], "b": held[:, 1]}), *FORECAST),
        ]  # fmt: skip
