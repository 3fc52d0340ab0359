"""What a draft is made from, and what it is."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML

from xmr.data.records import Records, Skipped
from xmr.encoders.base import Encoder
from xmr.errors import Problem, RecipeError, printable
from xmr.tasks.base import Task

SMALL = 1000  # up to this number of records: several programs, nothing held back for validation where nothing is chosen
PLAIN = (".fasta", ".fa", ".faa", ".fna", ".fas", ".smi", ".gz")  # sequences without columns that could be named


@dataclass(frozen=True)
class Asked:
    """What the user states, as the options of `xmr new` are called; the rest is inferred from the file."""

    input: str | None = None
    target: tuple[str, ...] = ()
    id: str | None = None
    time: str | None = None
    group: str | None = None
    pattern: str | None = None
    task: str | None = None
    split: str | None = None
    ignore: tuple[str, ...] = ()
    on_error: str = "fail"
    wild_type: str | None = None
    offset: int | None = None
    time_step: float | None = None

    def given(self) -> list[str]:
        """The options that were given, but for those that every kind of data takes."""
        names = ("target", "id", "group", "pattern", "task", "split", "wild_type", "offset", "time_step")
        return [f"--{name.replace('_', '-')}" for name in names if getattr(self, name)]


@dataclass
class Draft:
    """The sections of a recipe, and what was found in the file, one line each.

    skipped: the records that could not be read.
    """

    body: dict[str, Any]
    found: list[str]
    skipped: Skipped = field(default_factory=Skipped)

    def stating(self, asked: Asked, ignored: tuple[str, ...], groups: Sequence[str] = ()) -> Self:
        """With what the user stated, and with these columns ignored. groups: of the records, where they have one.

        Raises RecipeError for a split by groups where there are none.
        """
        data = self.body["data"]
        stated: dict[str, Any] = {
            "id": asked.id,
            "group_column": asked.group,
            "time": asked.time,
            "pattern": asked.pattern,
        }
        stated["time_step"] = asked.time_step
        data |= {field: value for field, value in stated.items() if value}
        if ignored:
            data["ignore_columns"] = list(ignored)
        how = asked.split
        if how == "group" or (how is None and len(set(groups)) > 1 and data["split"]["by"] == "random"):
            if not any(groups):
                expected = "--group COLUMN, or {group} in --pattern"
                raise RecipeError(Problem("--split group", "no groups", expected))
            held_out = _near_a_fifth(groups)
            data["split"] = {**data["split"], "by": "group", "held_out_group": held_out}
            data["split"].pop("test", None)
            self.found = [line for line in self.found if not line.startswith("test part")]
            self.found.append(f"test part: the group {held_out}, so that nobody is in training and test")
        elif how is not None:
            data["split"] = {"by": how} if how in ("predefined", "fold") else {"test": 0.2, **data["split"], "by": how}
            self.found = [line for line in self.found if not line.startswith("test part")]
        return self

    def text(self, recipe: Path) -> str:
        """The YAML of the recipe, what was found in comments above it."""
        out = StringIO()
        YAML().dump(self.body, out)
        said = [*self.found, f"Run: xmr run {recipe.name}"]
        return "".join(f"# {printable(line)}\n" for line in said) + out.getvalue()


def _near_a_fifth(groups: Sequence[str]) -> str:
    """The group that holds as near to a fifth of the records as any."""
    counts = Counter(groups)
    return min(counts, key=lambda group: (abs(counts[group] - 0.2 * len(groups)), group))


@dataclass(frozen=True)
class Sample:
    """The records of the user's file, all of them usable, and what was guessed of them.

    domain: the name of their encoder. encoder: not fitted. paths: the user's files, or his folder. column, target: as
    the user named them. labels: the label columns of the files. recipe: where the draft will lie. why: what the task
    was read off. texts: the sequences, as the encoder counts them. fields: of the encoder's section. rules: further
    fields of the section `data`. ignored: columns that are no data. asked: what the user states.
    """

    domain: str
    encoder: Encoder
    records: Records
    paths: tuple[Path, ...]
    recipe: Path
    column: str | None
    target: tuple[str, ...]
    labels: tuple[str, ...]
    task: type[Task]
    why: str
    asked: Asked = Asked()
    texts: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, Any] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The file, or the first of several."""
        return self.paths[0]

    @property
    def path(self) -> str | list[str]:
        """The file, or the files, as the recipe names them."""
        found = [os.path.relpath(str(path), str(self.recipe.parent)) for path in self.paths]
        return found[0] if len(found) == 1 else found

    @property
    def label(self) -> str | list[str]:
        """The name of the label column, or of all where there are several, as `data.target` takes it."""
        return self.labels[0] if len(self.labels) == 1 else list(self.labels)

    @property
    def small(self) -> bool:
        """Whether these are few records."""
        return len(self.records) <= SMALL

    @cached_property
    def lengths(self) -> set[int]:
        """Of the sequences."""
        return {*map(len, self.texts)}

    def split(self, **otherwise: Any) -> dict[str, Any]:
        """By the file's own column, where it says what is for training and what for the test, or `otherwise`."""
        parted = {"train", "test"} <= set(self.records.role)
        return {"by": "predefined"} if parted else {"by": "random", "test": 0.2, **otherwise}

    def columns(self) -> dict[str, Any]:
        """The fields of the section `data` that say which column of a list of files holds what."""
        return {"target": self.label, **({"input": self.column} if self.column else {}), **self.rules}

    def sequences(self) -> dict[str, Any]:
        """The section `data` of a file of sequences, without the split."""
        named = {"target": self.label} if self.target or self.source.suffix.lower() not in PLAIN else {}
        if self.records.origin and not self.target:
            named = {}  # the names of the files may be the labels
        return {"path": self.path, **named, **({"input": self.column} if self.column else {}), **self.rules}

    def found(self, what: str) -> str:
        """The first line above the recipe. what: the plural of a record."""
        more = f" and {len(self.paths) - 1} more" if len(self.paths) > 1 else ""
        return f"{len(self.records):,} {what} of {self.source.name}{more}: task {self.task.name} ({self.why})"
