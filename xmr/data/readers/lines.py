"""Text files without columns: each line is a record, or the whole file. There is no header, and no label."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from xmr.data.columns import USUAL, Columns
from xmr.data.readers.paths import suffix_of
from xmr.data.readers.text import open_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem

_MARKS = re.compile(r"[\t,;|]")
_LOOKED_AT = 5  # files that show whether all have columns
_DECIDING = 200  # lines that show whether a file has columns


def has_columns(path: Path, columns: Columns) -> bool:
    """Whether a text file is a table: its first line has the name of a column, or it has tabs, or the known
    columns.

    Commas and semicolons alone do not make columns of sentences.
    """
    head, widths = _head(path)
    known = {*columns.names, columns.input, columns.id, *columns.target}
    if (trained := columns.trained) is not None:
        known |= {trained.input, trained.id, *trained.target}
    usual = {*USUAL["input"], *USUAL["target"], *USUAL["id"]}
    names = {name.casefold() for name in known | usual if name}
    top = [cell.strip().strip("\"'").casefold() for cell in _MARKS.split(head[0])] if head else []
    as_known = len(columns.names) > 1 and widths <= {len(columns.names), len(columns.names) - len(columns.target)}
    return not head or bool(names & {*top}) or "\t" in head[0] or (as_known and widths != {1})


def refuse_lines(path: Path, columns: Columns) -> None:
    """Raises DataError for a text file without columns, where labels are asked for."""
    if suffix_of(path) == ".txt" and columns.need_target and not has_columns(path, columns):
        widths = _head(path)[1]
        if len(widths) > 1 or widths == {1}:
            expected = (
                "a file for each class (pos.txt neg.txt), or a CSV or TSV file with a header and a column of labels"
            )
            raise DataError(Problem(str(path), "a text on each line and no label", expected))


def _head(path: Path) -> tuple[list[str], set[int]]:
    """The first lines, and how many cells they would have."""
    with open_text(path) as handle:
        head = [line.strip() for line in islice(handle, _DECIDING) if line.strip()]
    return head, {len(_MARKS.split(line)) for line in head}


def read_lines(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Records in chunks: a line that is not empty is the input of one."""
    with open_text(path) as handle:
        numbered = ((number, line.strip()) for number, line in enumerate(handle, start=1) if line.strip())
        while part := list(islice(numbered, chunk)):
            yield Records(
                ids=[str(number) for number, _ in part],
                inputs=[text for _, text in part],
                labels=_unlabelled(columns, len(part)),
                line=[number for number, _ in part],
                file=str(path),
                notes=(f"{path.name}: each line is read as a record, because the first names no column",),
            )


def read_document(path: Path, columns: Columns) -> Records:
    """A whole file as one record, by its name."""
    with open_text(path) as handle:
        text = handle.read().strip()
    return Records([path.name], [text], _unlabelled(columns, 1), line=[1], file=str(path))


def are_documents(home: Path, names: Sequence[str], columns: Columns) -> bool:
    """Whether the files of a folder are texts of one record each: text without columns, several in a folder."""
    folders = {str(Path(name).parent) for name in names}
    texts = all(suffix_of(Path(name)) == ".txt" for name in names) and 1 < len(folders) <= len(names) / 2
    return texts and not any(has_columns(home / name, columns) for name in names[:_LOOKED_AT])


def _unlabelled(columns: Columns, n: int) -> dict[str, list[str]]:
    return {name: [""] * n for name in columns.target or USUAL["target"][:1]}
