"""Whether the first row of a file names its columns, and what they are called where it does not."""

from __future__ import annotations

from xmr.data.columns import USUAL, Columns
from xmr.data.readers.delimited import Row
from xmr.data.readers.numbers import is_gap, is_number
from xmr.data.readers.rows import Rows
from xmr.errors import DataError, Problem


def name_columns(rows: Rows, columns: Columns) -> list[str]:
    """The names of the columns: of the header where there is one, else those known, else column_1 and so on.

    Raises DataError for a file without a header that has more or fewer columns than are known.
    """
    if rows.stated:
        return rows.take_header()
    first = [(line, [cell.strip() for cell in cells]) for line, cells in rows.peek()]
    line, top = first[0]
    known = columns.names
    has = columns.header
    if has is None:
        # One known name is enough: a header that also has a wrong name must be refused, never read as a row.
        expected = {name.casefold() for name in (*known, *columns.features)}
        usual = {*USUAL["target"]} - {"y"}  # y is yes as well
        has = any(cell in columns.target or cell.casefold() in expected | usual for cell in top) or _is_header(first)
    if has:
        return rows.take_header()
    if not known:
        return rows.name([f"column_{number}" for number in range(1, len(top) + 1)])
    for names in (known, tuple(name for name in known if name not in columns.target)):
        if len(names) == len(top):
            return rows.name(list(names))
    found = f"{len(top)} columns without a header"
    raise DataError(Problem(f"{rows.path}:{line}", found, f"{len(known)}: {', '.join(known)} (or a header)"))


def _is_header(first: list[Row]) -> bool:
    """A first row of distinct names: none is a number or a gap, and none stands in its column again.

    The first may be empty, where its column is not: pandas and R write the names of rows so.
    """
    top = list(first[0][1])
    while len(top) > 1 and not top[-1]:  # columns at the end that a spreadsheet left empty
        top.pop()
    named = top[1:] if len(top) > 1 and not top[0] and all(row[0] for _, row in first[1:]) else top
    if len(set(top)) != len(top) or any(is_number(cell) or is_gap(cell) for cell in named):
        return False
    return not any(name == cell for _, row in first[1:] for name, cell in zip(top, row))
