"""Rows of a table as records: every column that is no label, id, split or group is an input.

What a cell means is decided by the encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.data.columns import USUAL, ColumnIndex, Columns, check_unique
from xmr.data.readers.delimited import Row
from xmr.data.readers.header import name_columns
from xmr.data.readers.numbers import is_number
from xmr.data.readers.parts import PARTS
from xmr.data.readers.rows import COLUMNAR, Rows, facts_of, open_rows
from xmr.data.readers.values import as_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem

SEPARATOR = "\x1f"  # between the cells of a record's input; refused within one
FORMATS = (*COLUMNAR, ".arff")
_USUAL = {"target": USUAL["target"], "id": ("id",)}  # a name or a split may well be a feature


def read_table(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records in chunks. Raises DataError: missing, empty, of no known format, or broken at a line."""
    with open_rows(path, "rows of a table", FORMATS) as rows:
        name_columns(rows, columns)
        yield from _records(rows, columns, chunk)


def from_frame(frame: Any, target: str | list[str] | None = None) -> Records:
    """Records of a pandas or polars frame; target: its label column or columns. Raises DataError."""
    header = [str(name) for name in frame.columns]
    check_unique(header, "<frame>")
    try:
        cells = [[as_text(value) for value in frame[name].to_list()] for name in frame.columns]
    except UnicodeDecodeError as error:
        raise DataError(Problem("<frame>", f"bytes that are not text ({error.reason})", "UTF-8 text")) from error
    names = (target,) if isinstance(target, str) else tuple(target or ())
    rows = ((number, list(row)) for number, row in enumerate(zip(*cells), start=1))
    columns = Columns(target=names, need_target=bool(names), reads="table")
    return Records.join(list(_records(Rows(Path("<frame>"), rows, header), columns, 4096)))


def from_bunch(bunch: Any) -> Records:
    """Records of one of scikit-learn's own tables (`load_wine()` and kin)."""
    header = [str(name) for name in bunch.feature_names]
    names = list(getattr(bunch, "target_names", []))
    labels = [str(names[int(value)]) if names else as_text(value) for value in bunch.target]
    cells = [[as_text(value) for value in row] for row in np.asarray(bunch.data)]
    lines = list(range(1, len(cells) + 1))
    inputs = [SEPARATOR.join(row) for row in cells]
    return Records([str(n) for n in lines], inputs, {"target": labels}, line=lines, columns=tuple(header))


def bundled(name: str) -> Records:
    """wine, breast_cancer or diabetes as they come with scikit-learn (diabetes in its own units)."""
    from sklearn import datasets

    load = getattr(datasets, f"load_{name}")
    return from_bunch(load(scaled=False) if name == "diabetes" else load())


def _records(rows: Rows, columns: Columns, chunk: int) -> Iterator[Records]:
    """Rows as records. Raises DataError for a label column that is not there and for rows of another width."""
    header = rows.header
    columns = columns.within(header)
    index = ColumnIndex.of(header, columns, rows.place, _USUAL)
    if columns.set is None:
        index = replace(index, set=_split_column(header, rows.peek(1)))
    kept = index.others(header)
    if not kept:
        raise DataError(Problem(rows.place, f"columns {', '.join(header)}", "at least one besides the label"))
    names = tuple(header[at] for at in kept)
    dotted: dict[str, bool] | None = None
    for block in rows.blocks(chunk, texts={index.id, index.set, index.group}):
        cells = [block.column(at) for at in kept]
        inputs = list(map(SEPARATOR.join, zip(*cells)))
        if "".join(inputs).count(SEPARATOR) != len(inputs) * (len(kept) - 1):
            found = (
                (row, name)
                for row in range(len(inputs))
                for name, column in zip(names, cells)
                if SEPARATOR in column[row]
            )
            row, name = next(found)
            place = f"{rows.path}:{block.lines[row]}: {name}"
            raise DataError(Problem(place, "the control character 0x1f", "text without it"))
        facts = facts_of(block, index, columns.prefix)
        labels = facts["labels"]
        dotted = dotted or {name: _dotted(column[0]) for name, column in labels.items()}
        for name in labels:
            if dotted[name]:
                labels[name] = [label[:-1] if _dotted(label) else label for label in labels[name]]
        yield Records(inputs=inputs, file=str(rows.path), columns=names, header=tuple(header), **facts).noted(rows)


def _split_column(header: list[str], first: list[Row]) -> int | None:
    """A column called `set`, where its first cell says train, validation or test."""
    at = next((at for at, name in enumerate(header) if name.casefold() == "set"), None)
    if at is None or not first or len(first[0][1]) != len(header):
        return None
    return at if first[0][1][at].strip().casefold() in PARTS else None


def _dotted(label: str) -> bool:
    """Some copies of a table end every label with a dot; a number keeps its own."""
    return label.endswith(".") and not is_number(label)
