"""Which column of a file holds what: named by the recipe, as in the training file, or by a usual name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from xmr.errors import DataError, Problem, nearest

NO_IDS = "none"  # as the column of the ids: records are numbered by their lines
ROLES = ("input", "id", "set", "time", "group")  # one column each
SEVERAL = ("target", "skip")
RULES = ("pattern", "wild_type", "offset", "label_separator", "time_step", "documents")  # how what is there is read
_FIELDS = {"set": "split_column", "group": "group_column", "skip": "ignore_columns"}  # recipe fields of other names
FILES = ("path", "file", "filename", "file_name", "image", "audio")  # usual names of a column of files
USUAL: dict[str, tuple[str, ...]] = {
    "input": (
        *("sequence", "seq", "sequences", "protein", "peptide", "text", "input", "smiles", "canonical_smiles"),
        *FILES,
    ),
    "target": ("target", "label", "labels", "class", "y"),
    "id": ("id", "name", "accession", "series_id", "case_id"),
    "set": ("set", "split"),
    "validation": ("validation",),
}
_LISTED = 12  # columns of a file that a message lists


@dataclass(frozen=True)
class Columns:
    """Which column holds what. None: found by its usual name (`sequence`, `label`, `id`, `set`), where there is one."""

    input: str | None = None
    target: tuple[str, ...] = ()
    id: str | None = None
    set: str | None = None
    need_target: bool = True
    time: str | None = None  # series: the column of time in a file of one row per time step
    reads: str = "text"  # what the encoder reads: sequences, text, images or audio (by file names), series, or a table
    group: str | None = None  # the column that says who a record comes from
    skip: tuple[str, ...] = ()  # columns to ignore: no samples, no channels, no features
    names: tuple[str, ...] = ()  # every column in order, for files without a header
    features: tuple[str, ...] = ()  # tables, also over time: the columns a trained program wants
    header: bool | None = None  # tables: whether the first row holds names; None: inferred from the rows
    prefix: str = ""  # tables: before the line numbers that serve as ids
    pattern: str | None = None  # of file names or FASTA headers that hold the label
    wild_type: str | None = None  # the sequence that inputs list the mutations of
    offset: int = 0  # the number of its first residue, less one
    label_separator: str | None = None  # between several labels in one cell
    time_step: float | None = None  # series of one row per time step: resampled to it
    documents: bool = False  # each .txt file is one text
    trained: Columns | None = None  # of the file a program was trained on

    def given(self) -> dict[str, Any]:
        """What is named, as plain JSON."""
        return {role: value for role in (*ROLES, *SEVERAL, *RULES) if (value := getattr(self, role))}

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """The inverse of `given`. Raises TypeError for a value that is not the name of a column."""
        names = {**given}
        several: dict[str, Any] = {role: tuple(names.pop(role, ())) for role in SEVERAL}
        offset, step, documents = names.pop("offset", 0), names.pop("time_step", None), names.pop("documents", False)
        every = (*names.values(), *(name for part in several.values() for name in part))
        known = {*ROLES, *RULES}
        rules = isinstance(offset, int) and isinstance(step, int | float | None) and isinstance(documents, bool)
        if {*names} - known or not all(isinstance(name, str) for name in every) or not rules:
            raise TypeError(f"columns {given}")
        return cls(**several, **names, offset=offset, time_step=step, documents=documents)

    def recalled(self) -> Columns:
        """With the rules of the training file where none is given; labels are looked for in the columns first."""
        if self.trained is None:
            return self
        rules = {name: getattr(self, name) or getattr(self.trained, name) for name in RULES}
        return replace(self, **rules)

    def within(self, header: list[str]) -> Columns:
        """With the columns of the training file where none is named and this file has them too.

        If the file needs labels, it must have all of several labels or none of these names.
        """
        if (trained := self.trained) is None:
            return self
        known = {role: getattr(trained, role) for role in ROLES if getattr(trained, role) in header}
        named = {role: name for role in ROLES if (name := getattr(self, role))}
        labels = tuple(name for name in trained.target if name in header)
        target = self.target or (trained.target if labels and self.need_target else labels)
        skip = self.skip or tuple(name for name in trained.skip if name in header)
        return replace(self, trained=None, target=target, skip=skip, **(known | named))


@dataclass(frozen=True)
class ColumnIndex:
    """Where the columns stand that are no input; worked out once per header.

    targets: index of each label column by its name. ignored: columns that are not read.
    """

    targets: dict[str, int]
    id: int | None = None
    set: int | None = None
    validation: int | None = None
    group: int | None = None
    ignored: tuple[int, ...] = ()

    @classmethod
    def of(cls, header: list[str], columns: Columns, place: str, usual: Mapping[str, tuple[str, ...]] = USUAL) -> Self:
        """columns: as `Columns.within` returns them. usual: names that serve where none is given.

        Raises DataError for a name that occurs twice, and for a column that is not there, with the nearest name.
        """
        check_unique(header, place)
        usual = {role: tuple(name for name in names if name not in columns.features) for role, names in usual.items()}

        def index(role: str, name: str | None) -> int | None:
            """The column of a role; `id: none` says that there is no column of ids."""
            if role == "id" and name == NO_IDS and NO_IDS not in header:
                return None
            return find_column(header, name, role, place, usual.get(role, ()))

        ignored = tuple(find_column(header, name, "skip", place) for name in columns.skip)
        return cls(
            find_targets(header, columns, place, usual["target"]),
            index("id", columns.id),
            index("set", columns.set),
            index("validation", None),
            index("group", columns.group),
            tuple(at for at in ignored if at is not None),
        )

    def others(self, header: list[str], *besides: int | None) -> list[int]:
        """The columns that are left for the input, in order."""
        taken = {*self.targets.values(), self.id, self.set, self.group, *self.ignored, *besides}
        return [at for at in range(len(header)) if at not in taken]


def find_column(
    header: list[str], name: str | None, role: str | None, place: str, usual: tuple[str, ...] = (), needed: bool = False
) -> int | None:
    """The index of a column by its given name, else by the first usual one, whatever its case.

    role: the field of the recipe that can name it. Raises DataError, with the nearest name, for a given one that is
    not there, and where a needed one is not found.
    """
    listed, field = f"columns {', '.join(header[:_LISTED])}", f"data.{_FIELDS.get(role or '', role)}"
    if name is not None:
        if name not in header:
            expected = f"a column {name!r} ({field})" if role else f"a column {name!r}"
            raise DataError(Problem(place, listed, expected, nearest(name, header)))
        return header.index(name)
    folded = [column.casefold() for column in header]
    found = next((folded.index(one) for one in usual if one in folded), None)
    if found is None and needed:
        hint = f" (the last column is {header[-1]!r})" if role == "target" else ""
        expected = f"a column named {' or '.join(usual[:3])}, or its name in {field}{hint}"
        raise DataError(Problem(place, listed, expected))
    return found


def find_targets(
    header: list[str], columns: Columns, place: str, usual: tuple[str, ...] = USUAL["target"]
) -> dict[str, int]:
    """The index of each label column by its name: those asked for, else one of a usual name.

    Of a file that needs no labels, those it has. Raises DataError where a needed one is not there.
    """
    names: Iterable[str | None] = columns.target or (None,)
    if columns.target and not columns.need_target:
        names = [name for name in columns.target if name in header] or (None,)
    found = (find_column(header, name, "target", place, usual, columns.need_target) for name in names)
    return {header[at]: at for at in found if at is not None}


def check_unique(header: list[str], place: str) -> None:
    """Raises DataError for a name that two columns have."""
    if len(set(header)) != len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise DataError(Problem(place, f"column {twice!r} twice", "each column name once"))
