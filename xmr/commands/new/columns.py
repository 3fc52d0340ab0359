"""Which column of the user's file is the label, which the input, and which is no data, where nobody says so."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from xmr.data.columns import NO_IDS, USUAL, Columns, find_column
from xmr.data.mutations import mutations_of
from xmr.data.readers.header import name_columns
from xmr.data.readers.lines import refuse_lines
from xmr.data.readers.numbers import is_gap
from xmr.data.readers.paths import suffix_of
from xmr.data.readers.rows import COLUMNAR, open_rows
from xmr.data.readers.series import TIME
from xmr.data.readers.text import reading
from xmr.data.smiles import unreadable
from xmr.errors import DataError, Problem

LABELS = (
    *("activity", "fitness", "score", "dms_score", "category", "annotation", "outcome", "property", "affinity"),
    *("value", "family", "type", "species", "response"),
)
CHUNK = 4096
COUNTED = 20  # rows that a column with a name must count to be suspected
SHOWN = 8  # columns that a message lists, the last two among them
_UNNAMED = re.compile(r"(unnamed: ?\d+|index|)", re.IGNORECASE)  # what pandas and R call the numbers of rows
SHORTEST = 8  # letters of an input in a first row that is no header
_ATOM = re.compile("[CcNnOo]")
_FILE = re.compile(r".*[^/]\.[A-Za-z][A-Za-z0-9]{1,4}")
_LETTERS = re.compile(r"[A-Za-z*.-]{4,}")


@dataclass(frozen=True)
class Guessed:
    """The columns of a file, with what was guessed, and a sentence for each guess."""

    columns: Columns
    why: tuple[str, ...] = ()


def guess_columns(source: Path, columns: Columns, domain: str, mutations: bool = False) -> Guessed:
    """The columns as the user names them, and a guess for those that he does not and that have no usual name.

    domain: of the recipe; mutations: whether the inputs list those of one protein. Raises DataError that lists the
    columns where the label could be any of several, and for mutations of a protein that is not stated.
    """
    if source.is_dir() or suffix_of(source) not in COLUMNAR:
        return Guessed(columns)
    with reading(source):
        return _guess(source, columns, domain, mutations)


def _guess(source: Path, columns: Columns, domain: str, mutations: bool) -> Guessed:
    """The same for a table."""
    if columns.reads not in ("table", "series"):
        refuse_lines(source, columns)
    with open_rows(source, "records") as rows:
        if columns.reads in ("table", "series") and not rows.stated and not _has_names(rows.peek(1)[0][1]):
            return Guessed(columns)  # UCR's own form, or a table without a header
        header = name_columns(rows, columns) if columns.reads == "table" else rows.take_header()
        held = [cells for _, cells in rows.peek() if len(cells) == len(header)]
    what, fits = ("mutations", _mutated) if mutations else INPUTS.get(domain, ("sequences", _lettered))
    why = []
    if columns.reads not in ("table", "series") and _is_a_record(header, held, fits):
        held.insert(0, header)
        header = [f"column_{number}" for number in range(1, len(header) + 1)]
        columns = replace(columns, names=tuple(header), header=False)
        why.append(f"the first row is a record, so the columns are called {', '.join(header[:SHOWN])}")
    table = _Table(str(source), header, held, columns)
    ignored, suspected = table.row_numbers()
    columns = replace(columns, skip=(*columns.skip, *(header[at] for at in ignored)))
    why += [f"column {header[at]!r} counts the rows, so it is ignored" for at in ignored]
    if columns.reads in ("table", "series"):
        why += [f"beware: column {header[at]!r} counts the rows; is it data? (--ignore-column)" for at in suspected]
    table = replace(table, columns=columns)
    asked = columns.reads in ("table", "series") or columns.input is not None
    asked = asked or (table.usual("input") and not mutations)
    if columns.id is None and (at := table.usual_id()) is not None and _repeats(source, at):
        columns = replace(columns, id=NO_IDS)
        why.append(f"column {header[at]!r} has values twice, so it is not taken for ids (data.id=none)")
        table = replace(table, columns=columns)
    varied = domain != "text"
    inputs = [] if asked else table.guess_input(fits, varied)
    if len(inputs) == 1:
        columns = replace(columns, input=inputs[0])
        why.append(f"input {inputs[0]!r}: the only column of {what}")
        table = replace(table, columns=columns)
    elif len(inputs) > 1 and columns.need_target:  # of files without, lines may be texts
        listed = ", ".join(inputs[:SHOWN])
        raise DataError(Problem(str(source), f"{what} in columns {listed}", "the one to read: --input NAME"))
    elif not asked and varied and len(mutated := table.guess_input(_mutated, varied=True)) == 1:
        found = f"a column {mutated[0]!r} of mutations such as {table.cells(header.index(mutated[0]))[0]!r}"
        expected = "the protein that they change: --wild-type SEQUENCE, or a FASTA file of it"
        raise DataError(Problem(str(source), found, expected))
    if not columns.target and columns.need_target and not table.usual("target"):
        names, reason = table.guess_target()
        columns = replace(columns, target=names)
        why.append(f"label {', '.join(names)}: {reason}")
    return Guessed(columns, tuple(why))


def _repeats(source: Path, at: int) -> bool:
    """Whether a value of a column occurs twice."""
    with open_rows(source, "records") as rows:
        rows.take_header()
        seen: set[str] = set()
        for block in rows.blocks(CHUNK, {at}):
            held = block.column(at)
            if len({*held}) < len(held) or not seen.isdisjoint(held):
                return True
            seen.update(held)
    return False


def _has_names(cells: list[str]) -> bool:
    """Whether a first row may be a header: at least two cells are not numbers."""
    return sum(not _is_number(cell) for cell in cells) >= 2


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _lettered(cell: str) -> bool:
    return _LETTERS.fullmatch(cell) is not None


def _spaced(cell: str) -> bool:
    return " " in cell


def _mutated(cell: str) -> bool:
    return mutations_of(cell) is not None


def _smiles(cell: str) -> bool:
    return len(cell) > 1 and _ATOM.search(cell) is not None and unreadable(cell) is None


def _file(cell: str) -> bool:
    return _FILE.fullmatch(cell) is not None


INPUTS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "text": ("texts", _spaced),
    "molecule": ("SMILES", _smiles),
    "image": ("names of files", _file),
    "audio": ("names of files", _file),
}


def _is_a_record(top: list[str], rows: list[list[str]], fits: Callable[[str], bool]) -> bool:
    """Whether a first row is no header: no cell is a usual name, one is an input as those below it are, and each of the
    others is a number or stands in its column again.
    """
    usual = {name for names in USUAL.values() for name in names} | {*LABELS}
    if len(top) < 2 or not rows or any(cell.casefold() in usual for cell in top):
        return False
    inputs = [
        at
        for at, cell in enumerate(top)
        if len(cell) >= SHORTEST and fits(cell) and sum(fits(row[at].strip()) for row in rows) > 0.9 * len(rows)
    ]
    others = [at for at in range(len(top)) if at not in inputs]
    return bool(inputs) and all(_is_number(top[at]) or any(row[at].strip() == top[at] for row in rows) for at in others)


@dataclass(frozen=True)
class _Table:
    """The first rows of a file with a header."""

    file: str
    header: list[str]
    rows: list[list[str]]
    columns: Columns

    def cells(self, at: int) -> list[str]:
        """The cells of a column that hold something."""
        return [cell for row in self.rows if not is_gap(cell := row[at].strip())]

    def usual(self, role: str) -> bool:
        """Whether a column has a usual name of this role."""
        return find_column(self.header, None, role, self.file, USUAL[role]) is not None

    def usual_id(self) -> int | None:
        """The column that serves as ids by a usual name other than `id`, where what is read has such names."""
        if self.columns.reads in ("table", "series"):
            return None
        at = find_column(self.header, None, "id", self.file, USUAL["id"])
        return None if at is None or self.header[at].casefold() == "id" else at

    def row_numbers(self) -> tuple[list[int], list[int]]:
        """Columns that count 0, 1, 2 ... or 1, 2, 3 ...: without a name of their own, and with one."""
        named = {self.columns.id, self.columns.time, self.columns.group, *self.columns.target, *self.columns.skip}
        unnamed, others = [], []
        for at, name in enumerate(self.header):
            counted = [row[at].strip() for row in self.rows]
            counts = any(counted == [str(first + step) for step in range(len(counted))] for first in (0, 1))
            if name in named or len(counted) < 2 or not counts:
                continue
            if _UNNAMED.fullmatch(name.strip()):
                unnamed.append(at)
            elif len(counted) >= COUNTED and name.casefold() not in (*USUAL["id"], *TIME):
                others.append(at)
        return unnamed, others

    def left(self) -> list[int]:
        """The columns that are neither the input nor anything else that has a name."""
        given = self.columns
        named = {given.input, given.id, given.set, given.time, given.group, *given.skip}
        roles = ("id", "set", "validation") if given.input else ("input", "id", "set", "validation")
        usual = {name for role in roles for name in USUAL[role]} | {*TIME}
        return [at for at, name in enumerate(self.header) if name not in named and name.casefold() not in usual]

    def guess_input(self, fits: Callable[[str], bool], varied: bool) -> list[str]:
        """The columns whose cells fit. varied: of several, those in which most cells differ."""
        named = {*self.columns.target, *self.columns.skip, self.columns.id, self.columns.group}
        found = [
            name
            for at, name in enumerate(self.header)
            if name not in named and (held := self.cells(at)) and sum(map(fits, held)) > 0.9 * len(held)
        ]
        if varied and len(found) > 1:  # words such as `train` have few letters; sequences differ
            found = [name for name in found if len({*self.cells(self.header.index(name))}) > 0.5 * len(self.rows)]
        return found

    def guess_target(self) -> tuple[tuple[str, ...], str]:
        """The label column or columns and why. Raises DataError where it could be any of several."""
        left = self.left()
        folded = {self.header[at].casefold(): self.header[at] for at in left}
        if name := next((folded[name] for name in LABELS if name in folded), None):
            return (name,), "a usual name of labels"
        if len(left) == 1:
            return (self.header[left[0]],), "the only column left"
        numbers = [at for at in left if all(map(_is_number, self.cells(at)))]
        names = [at for at in left if at not in numbers and len({*self.cells(at)}) == len(self.cells(at))]
        words, unlike = ([at for at in left if at not in others] for others in ((*numbers, *names), names))
        if self.columns.reads == "series" and len(words) == 1:
            return (self.header[words[0]],), "the only column of words"
        if self.columns.reads not in ("table", "series") and len(unlike) == 1:
            return (self.header[unlike[0]],), "the only column left that is no list of names"
        binary = [at for at in left if (held := {*self.cells(at)}) and held <= {"0", "1", "0.0", "1.0"}]
        if len(binary) > 1 and self.columns.reads not in ("table", "series"):
            return tuple(self.header[at] for at in binary), "columns of 0 and 1"
        ends = [*self.header[: SHOWN - 2], "...", *self.header[-2:]] if len(self.header) > SHOWN else self.header
        listed = ", ".join(ends)
        raise DataError(Problem(self.file, f"columns {listed}", "the label: --target NAME, once for each label"))
