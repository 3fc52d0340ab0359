"""FASTA, plain or gzipped, streamed; headers `>id TARGET=.. SET=.. VALIDATION=.. MASK=..` are read natively."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from xmr.data.readers.numbers import MISSING
from xmr.data.readers.text import open_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem, require

FASTA = (".fasta", ".fa", ".faa", ".fna", ".fas")
_NOT_CHOSEN = MISSING | {"false", "0", "no"}
_FIELD = re.compile(r"(?<!\w)(\w++)=(\S*)")  # tried once a word: a header may be a whole genome


class _Lines:
    """Hands lines on to biopython's parser and remembers the line number of every header."""

    def __init__(self, handle: IO[str], path: Path) -> None:
        self.handle, self.path, self.number = handle, path, 0
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


def role_of(set_field: str, validation_field: str) -> str:
    """`SET=train VALIDATION=True` -> "validation"; unknown words are returned for `read_all` to refuse."""
    role = {"train": "train", "test": "test", "val": "validation", "valid": "validation"}.get(
        set_field.casefold(), set_field.casefold()
    )
    chosen = validation_field.casefold()
    if role != "train" or chosen in _NOT_CHOSEN:
        return role
    return "validation" if chosen in ("true", "1", "yes") else f"VALIDATION={validation_field}"


def read_fasta(path: Path, chunk: int) -> Iterator[Records]:
    """Records in chunks. Labels are the header's TARGET as column `TARGET`. Raises DataError with file and line."""
    parser = require("Bio.SeqIO.FastaIO", "protein", "reading FASTA").SimpleFastaParser
    with open_text(path) as handle:
        lines = _Lines(handle, path)
        part = _empty(path)
        for title, sequence in parser(lines):
            found = _FIELD.findall(title)
            fields = {name.upper(): value for name, value in found}
            if len(fields) < len(found):
                _once([name.upper() for name, _ in found], f"{path}:{lines.headers[0]}")
            part.ids.append(title.split(maxsplit=1)[0])
            part.inputs.append(sequence)
            part.labels["TARGET"].append(fields.get("TARGET", ""))
            part.role.append(role_of(fields.get("SET", ""), fields.get("VALIDATION", "")))
            part.mask.append(fields.get("MASK", ""))
            part.line.append(lines.headers.popleft())
            if len(part) == chunk:
                yield part
                part = _empty(path)
        if len(part):
            yield part


def _once(names: list[str], place: str) -> None:
    """Raises DataError for a field of ours that a header has twice."""
    twice = next((name for name in ("TARGET", "SET", "VALIDATION", "MASK") if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(Problem(place, f"{twice}= twice in a header", "each field once"))


def _empty(path: Path) -> Records:
    return Records([], [], {"TARGET": []}, file=str(path))
