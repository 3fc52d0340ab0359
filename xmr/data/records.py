"""Records in columns: ids, inputs, labels and where each came from, so that every error can name file and line."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from xmr.errors import DataError, Problem, shortened

_LISTS = ("ids", "inputs", "role", "mask", "line", "group", "title", "origin")  # fields with a value for each record


class Noted(Protocol):
    """A rule of a reader; `note` describes what it changed and is empty if it changed nothing."""

    @property
    def note(self) -> str:
        """What changed."""


@dataclass
class Records:
    """n records, one list per column. `line`: the line of each in `file`; `labels`: raw text by label column.

    `role`: "train", "validation", "test" or "" if the file does not say. `mask`: per-position text of 0 and 1 (0 = not
    scored), "" if there is none. `arrays`: records that are not text, in memory, one row per record: images as
    (n, H, W, C) uint8, time series as (n, C, L) float32 with NaN for missing values; `inputs` are then their digests.
    `group`: the origin of each record (a speaker, a patient), if known. `columns`, of a table: the names of the cells
    that each input contains (`readers.tables.SEPARATOR`); `header`: of all columns of the file in order, including
    labels. `notes`: rules that were applied while reading, for the user. `title`: the FASTA header of each record.
    `origin`: the file of each below the folder `file`, where they come from several.
    """

    ids: list[str]
    inputs: list[str]
    labels: dict[str, list[str]] = field(default_factory=dict)
    role: list[str] = field(default_factory=list)
    mask: list[str] = field(default_factory=list)
    line: list[int] = field(default_factory=list)
    file: str = "<memory>"
    arrays: np.ndarray | None = None
    group: list[str] = field(default_factory=list)
    columns: tuple[str, ...] = ()
    header: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    title: list[str] = field(default_factory=list)
    origin: list[str] = field(default_factory=list)

    @staticmethod
    def of(inputs: list[str], labels: dict[str, list[str]] | None = None, file: str = "<memory>") -> Records:
        """Records from plain lists; ids and lines are counted from one."""
        n = len(inputs)
        return Records([str(i) for i in range(1, n + 1)], inputs, labels or {}, line=list(range(1, n + 1)), file=file)

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, index: Iterable[int] | np.ndarray) -> Records:
        """The records at `index`, in that order."""
        chosen = [int(i) for i in index]

        def pick(column: list) -> list:
            return [column[i] for i in chosen] if column else []

        lists: dict[str, Any] = {name: pick(getattr(self, name)) for name in _LISTS}
        labels = {name: pick(column) for name, column in self.labels.items()}
        return replace(self, labels=labels, arrays=None if self.arrays is None else self.arrays[chosen], **lists)

    def noted(self, rule: Noted) -> Records:
        """Itself, with the note of a rule."""
        if rule.note:
            self.notes = tuple(dict.fromkeys((*self.notes, rule.note)))
        return self

    def digest(self) -> str:
        """A short text that tells these records from others."""
        labels = [text for column in self.labels.values() for text in column]
        whole = "\0".join((*self.inputs, *self.labels, *labels))
        return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @staticmethod
    def join(chunks: list[Records]) -> Records:
        """Consecutive chunks of one file, concatenated."""
        if not chunks:
            return Records([], [])
        arrays = [chunk.arrays for chunk in chunks if chunk.arrays is not None]
        held = [name for name in _LISTS if any(getattr(chunk, name) for chunk in chunks)]  # by some chunks, perhaps
        lists: dict[str, Any] = {
            name: [x for chunk in chunks for x in getattr(chunk, name) or [""] * len(chunk)] for name in held
        }
        labels = {name: [x for chunk in chunks for x in chunk.labels[name]] for name in chunks[0].labels}
        notes = tuple(dict.fromkeys(note for chunk in chunks for note in chunk.notes))
        return replace(chunks[0], labels=labels, arrays=_joined(arrays) if arrays else None, notes=notes, **lists)

    def location(self, index: int) -> str:
        """`file:line` of a record."""
        file = os.path.join(self.file, self.origin[index]) if self.origin else self.file
        return f"{file}:{self.line[index]}" if self.line else file

    def problem(self, index: int, message: str) -> Problem:
        """A `Problem` at a record; message is "found ...; expected ..."."""
        found, _, expected = message.partition("; expected ")
        place = f"{self.location(index)}: record {shortened(self.ids[index], 80)!r}"
        return Problem(place, found.removeprefix("found "), expected)


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    """Arrays, concatenated; series that differ in channels or length are first padded with NaN."""
    if len({array.shape[1:] for array in arrays}) == 1 or arrays[0].ndim != 3:
        return np.concatenate(arrays)
    shape = [max(array.shape[axis] for array in arrays) for axis in (1, 2)]
    made = np.full((sum(map(len, arrays)), *shape), np.nan, dtype=arrays[0].dtype)
    begin = 0
    for array in arrays:
        made[begin : begin + len(array), : array.shape[1], : array.shape[2]] = array
        begin += len(array)
    return made


@dataclass
class Skipped:
    """The records that `on_error: skip` dropped, and why; written to skipped.csv."""

    rows: list[tuple[str, str, str]] = field(default_factory=list)  # location, id, reason

    def add(self, records: Records, index: int, reason: str) -> None:
        """Note that a record is skipped."""
        self.rows.append((records.location(index), records.ids[index], reason))

    def __len__(self) -> int:
        return len(self.rows)


SKIP_THEM = "correct these records, or skip them: data.on_error=skip"


def without_bad(records: Records, wrong: dict[int, str], on_error: str, skipped: Skipped) -> Records:
    """Skip the records named in `wrong` and note each, or raise DataError with all of them if on_error is "fail"."""
    if not wrong:
        return records
    if on_error == "fail":
        raise DataError([records.problem(index, message) for index, message in sorted(wrong.items())], SKIP_THEM)
    for index, message in sorted(wrong.items()):
        skipped.add(records, index, message)
    return records.take([index for index in range(len(records)) if index not in wrong])
