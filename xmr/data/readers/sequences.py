"""Records of one text per row: a column of the input, and those of labels, ids and splits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xmr.data.columns import FILES, USUAL, ColumnIndex, Columns, find_column
from xmr.data.readers.header import name_columns
from xmr.data.readers.lines import has_columns, read_document, read_lines, refuse_lines
from xmr.data.readers.paths import suffix_of
from xmr.data.readers.rows import facts_of, open_rows
from xmr.data.records import Records


def read_sequences(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records in chunks. The first row is the header; with `columns.names` it may be a record. A .txt file whose labels
    are not asked for may have neither header nor columns, only a text on each line.

    Raises DataError, with file and line, for a column that is not there and a row of another width.
    """
    if suffix_of(path) == ".txt" and columns.recalled().documents:
        yield read_document(path, columns)
        return
    if suffix_of(path) == ".txt" and not columns.need_target and not has_columns(path, columns):
        yield from read_lines(path, columns, chunk)
        return
    refuse_lines(path, columns)
    with open_rows(path, "records") as rows:
        header = name_columns(rows, columns) if columns.names else rows.take_header()
        columns = columns.within(header)
        index = ColumnIndex.of(header, columns, rows.place)
        usual = FILES if columns.reads in ("images", "audio") else USUAL["input"]
        inputs = find_column(header, columns.input, "input", rows.place, usual, needed=True)
        assert inputs is not None
        texts = {*range(len(header))} - {*index.targets.values()}  # only labels may be numbers
        for block in rows.blocks(chunk, texts):
            yield Records(inputs=block.column(inputs), file=str(path), **facts_of(block, index)).noted(rows)
