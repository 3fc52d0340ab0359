"""FASTA, plain or gzipped, streamed; headers `>id TARGET=.. SET=.. VALIDATION=.. MASK=..` are read natively.

For TARGET, any usual name of a label may stand (`label=1`), in upper or lower case.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import IO

from xmr.data.columns import USUAL, Columns
from xmr.data.readers.parts import role_of
from xmr.data.readers.text import open_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem, require

_OURS = ("SET", "VALIDATION", "MASK")
_TARGETS = tuple(name.upper() for name in USUAL["target"])
FASTA = (".fasta", ".fa", ".faa", ".fna", ".fas")
_FIELD = re.compile(r"(?<!\w)(\w++)=(\S*)")  # tried once a word: a header may be a whole genome


class _Lines:
    """Hands lines on to biopython's parser and remembers the line number of every header."""

    def __init__(self, handle: IO[str], path: Path, before: int = 0) -> None:
        self.handle, self.path, self.number = handle, path, before
        self.begun = False
        self.headers: deque[int] = deque()

    def __iter__(self) -> Iterator[str]:
        for line in self.handle:
            self.number += 1
            if line.startswith(">"):
                if not line[1:].strip():
                    raise DataError(Problem(f"{self.path}:{self.number}", "a header without an id", "'>id'"))
                self.headers.append(self.number)
            elif not self.begun and not line.isspace():
                found = repr(line.strip()[:30])
                raise DataError(
                    Problem(f"{self.path}:{self.number}", found, "a FASTA header line that starts with '>'")
                )
            self.begun = self.begun or line.startswith(">")
            yield line


def names_a_file(text: str) -> bool:
    """Whether a text is the name of a FASTA file, and no sequence."""
    return text.lower().removesuffix(".gz").endswith(FASTA)


def read_fasta(path: Path, columns: Columns, chunk: int, part: tuple[bytes, int] | None = None) -> Iterator[Records]:
    """Records in chunks. Labels are the header's fields named in `columns`, else one of a usual name, as `TARGET`.

    part: bytes of the file that are read in its place, and the number of lines before them. Raises DataError with file
    and line.
    """
    parser = require("Bio.SeqIO.FastaIO", "protein", "reading FASTA").SimpleFastaParser
    targets: dict[str, tuple[str, ...]] = {name: (name.upper(),) for name in columns.target} or {"TARGET": _TARGETS}
    kept = {*_OURS, *(word for words in targets.values() for word in words)}
    content, before = part or (None, 0)
    with open_text(path) if content is None else TextIOWrapper(BytesIO(content), encoding="utf-8") as handle:
        lines = _Lines(handle, path, before)
        records = _empty(path, targets)
        for title, sequence in parser(lines):
            found = [(name.upper(), value) for name, value in _FIELD.findall(title)]
            fields = dict(found)
            if len(fields) < len(found):
                _once([name for name, _ in found if name in kept], f"{path}:{lines.headers[0]}")
            records.ids.append(title.split(maxsplit=1)[0])
            records.title.append(title)
            records.inputs.append(sequence)
            for name, words in targets.items():
                records.labels[name].append(next((fields[word] for word in words if word in fields), ""))
            records.role.append(role_of(fields.get("SET", ""), fields.get("VALIDATION", "")))
            records.mask.append(fields.get("MASK", ""))
            records.line.append(lines.headers.popleft())
            if len(records) == chunk:
                yield records
                records = _empty(path, targets)
        if len(records):
            yield records


def _once(names: list[str], place: str) -> None:
    """Raises DataError for a field that a header has twice."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(Problem(place, f"{twice}= twice in a header", "each field once"))


def _empty(path: Path, targets: Iterable[str]) -> Records:
    return Records([], [], {name: [] for name in targets}, file=str(path))
