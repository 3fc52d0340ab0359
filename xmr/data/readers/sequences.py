"""CSV, TSV and Parquet files of one input column and label columns, streamed, every row with its line number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from xmr.data.readers.delimited import DecimalCommas, delimited
from xmr.data.readers.fasta import role_of
from xmr.data.readers.parquet import open_parquet
from xmr.data.readers.text import open_text
from xmr.data.records import Records
from xmr.errors import DataError, Problem, nearest


@dataclass(frozen=True)
class Columns:
    """Which column holds what. None: found by its usual name (`sequence`, `label`, `id`, `set`), where there is one."""

    input: str | None = None
    target: tuple[str, ...] = ()
    id: str | None = None
    set: str | None = None
    need_target: bool = True
    time: str | None = None  # series: the column of time in a file of one row a time step
    reads: str = "text"  # what the encoder reads: sequences, text, images or audio (by file names), series, or a table
    group: str | None = None  # the column that says who a record comes from
    skip: tuple[str, ...] = ()  # columns of a table that are not read: no samples, no channels, no features
    names: tuple[str, ...] = ()  # tables: every column in order, for files without a header
    features: tuple[str, ...] = ()  # tables, also over time: the columns a trained program wants
    header: bool | None = None  # tables: whether the first row holds names; None: seen from the rows
    prefix: str = ""  # tables: before the line numbers that serve as ids
    trained: Columns | None = None  # of the file a program was trained on

    def given(self) -> dict[str, Any]:
        """What is named, as plain JSON."""
        return {role: value for role in (*ROLES, *SEVERAL) if (value := getattr(self, role))}

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """The inverse of `given`. Raises TypeError for what is no name of a column."""
        names = {**given}
        several: dict[str, Any] = {role: tuple(names.pop(role, ())) for role in SEVERAL}
        every = (*names.values(), *(name for part in several.values() for name in part))
        if {*names} - {*ROLES} or not all(isinstance(name, str) for name in every):
            raise TypeError(f"columns {given}")
        return cls(**several, **names)

    def within(self, header: list[str]) -> Columns:
        """With the columns of the training file where none is named and this file has them too.

        Of several labels a file that needs labels must have all, or none by these names.
        """
        if (trained := self.trained) is None:
            return self
        known = {role: getattr(trained, role) for role in ROLES if getattr(trained, role) in header}
        named = {role: name for role in ROLES if (name := getattr(self, role))}
        labels = tuple(name for name in trained.target if name in header)
        target = self.target or (trained.target if labels and self.need_target else labels)
        skip = self.skip or tuple(name for name in trained.skip if name in header)
        return replace(self, trained=None, target=target, skip=skip, **(known | named))

    def skipped(self, header: list[str], place: str) -> list[int]:
        """Where the columns stand that are not read. Raises DataError for one that is not there."""
        for name in self.skip:
            if name not in header:
                found, expected = f"columns {', '.join(header[:12])}", f"a column {name!r} (data.skip)"
                raise DataError(Problem(place, found, expected, nearest(name, header)))
        return [header.index(name) for name in self.skip]


ROLES = ("input", "id", "set", "time", "group")  # of one column each
SEVERAL = ("target", "skip")
USUAL = {
    "input": (
        "sequence",
        "seq",
        "sequences",
        "protein",
        "peptide",
        "text",
        "input",
        "path",
        "file",
        "filename",
        "file_name",
        "image",
        "audio",
    ),
    "target": ("target", "label", "labels", "class", "y"),
    "id": ("id", "name", "accession", "series_id", "case_id"),
    "set": ("set", "split"),
    "group": (),
}


def _find(header: list[str], wanted: str | None, role: str, place: str, required: bool) -> int | None:
    """The index of a column by its given or usual name. Raises DataError with the nearest name."""
    if wanted is not None:
        if wanted in header:
            return header.index(wanted)
        raise DataError(
            Problem(
                place,
                f"columns {', '.join(header)}",
                f"a column {wanted!r} (data.{role})",
                nearest(wanted, header),
            )
        )
    folded = [name.strip().casefold() for name in header]
    for usual in USUAL[role]:
        if usual in folded:
            return folded.index(usual)
    if required:
        raise DataError(
            Problem(
                place,
                f"columns {', '.join(header)}",
                f"a column named {' or '.join(USUAL[role][:3])}, or its name in data.{role}",
            )
        )
    return None


def once(header: list[str], place: str) -> None:
    """Raises DataError for a name that two columns have."""
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(Problem(place, f"column {twice!r} twice", "each column name once"))


@dataclass(frozen=True)
class Layout:
    """Column indices worked out once from a header."""

    input: int
    targets: dict[str, int]
    id: int | None
    set: int | None
    validation: int | None
    width: int
    group: int | None = None

    @staticmethod
    def of(header: list[str], columns: Columns, place: str) -> Layout:
        """Raises DataError for a column that is not there, with the nearest name."""
        once(header, place)
        columns = columns.within(header)
        found = _find(header, columns.input, "input", place, True)
        assert found is not None
        targets: dict[str, int] = {}
        for name in columns.target:
            where = (
                _find(header, name, "target", place, columns.need_target)
                if (columns.need_target or name in header)
                else None
            )
            if where is not None:
                targets[name] = where
        if not columns.target:
            where = _find(header, None, "target", place, columns.need_target)
            if where is not None:
                targets[header[where]] = where
        folded = [name.strip().casefold() for name in header]
        return Layout(
            found,
            targets,
            _find(header, columns.id, "id", place, False),
            _find(header, columns.set, "set", place, False),
            folded.index("validation") if "validation" in folded else None,
            len(header),
            _find(header, columns.group, "group", place, columns.group is not None),
        )

    def add(self, part: Records, row: list[str], line: int) -> None:
        """Put one row into the records."""
        part.inputs.append(row[self.input].strip())
        part.ids.append(row[self.id].strip() if self.id is not None else str(line))
        for name, where in self.targets.items():
            part.labels[name].append(row[where].strip())
        if self.set is not None:
            validation = row[self.validation] if self.validation is not None else ""
            part.role.append(role_of(row[self.set].strip(), validation.strip()))
        if self.group is not None:
            part.group.append(row[self.group].strip())
        part.line.append(line)

    def empty(self, path: Path) -> Records:
        """Records to add rows to."""
        return Records([], [], {name: [] for name in self.targets}, file=str(path))

    def records(
        self,
        path: Path,
        rows: Iterable[tuple[int, list[str]]],
        commas: DecimalCommas | None,
        width: str,
        chunk: int,
    ) -> Iterator[Records]:
        """Rows of (line, cells) as records, in chunks. Labels alone may have decimal commas.

        Raises DataError at the line of a row that is not as wide as `width` says.
        """
        texts = {*range(self.width)} - {*self.targets.values()}
        part = self.empty(path)
        for line, row in rows:
            if not row:
                continue
            if len(row) != self.width:
                raise DataError(Problem(f"{path}:{line}", f"{len(row)} fields", width))
            self.add(part, row if commas is None else commas.points(line, row, texts), line)
            if len(part) == chunk:
                yield part.noted(commas)
                part = self.empty(path)
        if len(part):
            yield part.noted(commas)


def read_delimited(path: Path, delimiter: str, columns: Columns, chunk: int) -> Iterator[Records]:
    """CSV or TSV with a header row (see `delimited`). Raises DataError at the line of a row of another width."""
    with open_text(path) as handle:
        rows, commas = delimited(path, handle, delimiter)
        line, header = next(((line, row) for line, row in rows if any(map(str.strip, row))), (1, None))
        if header is None:
            raise DataError(Problem(f"{path}:1", "an empty file", "a header row and records"))
        layout = Layout.of([name.strip() for name in header], columns, f"{path}:{line}")
        yield from layout.records(path, rows, commas, f"{layout.width} as in the header", chunk)


def read_parquet(path: Path, columns: Columns, chunk: int) -> Iterator[Records]:
    """Parquet, streamed by row groups; the "line" of a record is its row number."""
    names, batches = open_parquet(path, chunk)
    layout = Layout.of(names, columns, str(path))
    line = 0
    for batch in batches:
        part = layout.empty(path)
        table = [["" if value is None else str(value) for value in column] for column in batch]
        for row in zip(*table):
            line += 1
            layout.add(part, list(row), line)
        yield part
