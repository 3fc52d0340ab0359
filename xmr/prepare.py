"""From the `data` section to clean records in three splits: read, check, remove duplicates, split. No model is
needed.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from xmr.data.clean import remove_duplicates
from xmr.data.columns import Columns
from xmr.data.public.catalog import dataset
from xmr.data.public.location import locate
from xmr.data.readers.read import read_all, wild_type_of
from xmr.data.readers.residues import join_lines, join_residues
from xmr.data.records import Records, Skipped, without_bad
from xmr.data.settings import DataSettings
from xmr.data.skew import skew
from xmr.data.split_records import near_copies, split_records
from xmr.data.splits import Split, amount, few_shot
from xmr.errors import DataError, Problem
from xmr.tasks.base import Task, task_class


@dataclass
class Prepared:
    """Clean records and their split, with what was skipped and why."""

    records: Records
    split: Split
    skipped: Skipped
    read: int
    duplicates: int
    conflicting_labels: int
    digest: str
    columns: Columns = field(default_factory=Columns)  # as in the recipe or the data set

    def subset(self, name: str) -> Records:
        """The records of `train`, `validation` or `test`."""
        return self.records.take(getattr(self.split, name))

    def summary(self) -> str:
        """One sentence for the log and the report, and notes from reading the file."""
        left = f"{self.duplicates} duplicate rows and {self.conflicting_labels} inputs with two labels"
        sizes = f"{len(self.split.train)} train, {len(self.split.validation)} validation, {len(self.split.test)} test"
        used = f"{self.read} records read, {left} found, {len(self.records)} used: {sizes}; split {self.split.how}"
        return "; ".join((used, *self.records.notes))


class Reader(Protocol):
    """The part of an encoder that records are read and cleaned with; see `xmr.encoders.base.Encoder`."""

    @property
    def reads(self) -> str:
        """What a file of records holds."""

    @property
    def kmer(self) -> int:
        """Letters of the k-mers that tell near copies; 0 where the inputs are no sequences of letters."""
        ...

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Records it cannot take: index -> message."""
        ...

    def canonical(self, records: Records) -> list[str]:
        """Each input in the one form that tells whether two records are the same."""
        ...


def prepare(settings: DataSettings, task_name: str, encoder: Reader, seed: int) -> Prepared:
    """Read, check, clean and split. Raises DataError with file and line."""
    check_paths(settings)
    skipped, task = Skipped(), task_class(task_name)
    records, columns = _read(settings, task, encoder.reads, skipped)
    read = len(records) + len(skipped)
    records = without_bad(records, task.check_labels(records), settings.on_error, skipped)
    records = without_bad(records, encoder.check(records), settings.on_error, skipped)
    texts = encoder.canonical(records)
    wrong = task.check_lengths(records, np.array([len(text) for text in texts]))
    if wrong:
        records = without_bad(records, wrong, settings.on_error, skipped)
        texts = encoder.canonical(records)
    if not len(records):
        raise DataError(Problem(records.file, "no usable record", "at least a few"))
    if settings.max_length is not None:
        limit = f"expected at most {settings.max_length} (data.max_length)"
        over = {i: f"found {len(t)} symbols; {limit}" for i, t in enumerate(texts) if len(t) > settings.max_length}
        records = without_bad(records, over, "skip", skipped)
        texts = [text for i, text in enumerate(texts) if i not in over]
    cleaned = remove_duplicates(records, texts, skipped, settings.duplicates, settings.conflicting_labels)
    records = cleaned.records
    texts = encoder.canonical(records)
    strata = task.strata(records)
    chosen = seed if settings.seed is None else settings.seed
    split = split_records(settings, records, texts, strata, chosen, encoder.kmer)
    if settings.split.shots is not None:
        split = few_shot(split, strata, settings.split.shots, chosen)
    for name in ("train", "test") if settings.split.by != "none" else ("train",):
        if not len(getattr(split, name)):
            raise DataError(Problem("data.split", f"no {name} record", "records in both train and test"))
    task.check_split(records, split.train)
    wanted = amount(settings.split.test, len(records)) if settings.split.by in ("random", "cluster") else None
    names = [] if strata is None else ["|".join(row) for row in sorted(set(zip(*records.labels.values())))]
    skewed = skew(split, strata, names, wanted) if len(split.test) else ["no test part: all records are learned from"]
    near = near_copies(split, texts, settings.split.similarity, encoder.kmer)
    split = replace(split, how="; ".join((split.how, *skewed, *filter(None, [near]))))
    whole = "\n".join(f"{a}\t{b}" for a, b in zip(records.ids, texts))
    digest = hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()  # file names need not be UTF-8
    return Prepared(records, split, skipped, read, cleaned.duplicates, cleaned.conflicting_labels, digest, columns)


def check_paths(settings: DataSettings) -> None:
    """Refuse pipes and devices, because data is read more than once."""
    for name in ("path", "test_path", "labels_path", "mask_path"):
        for path in as_paths(getattr(settings, name)):
            if path.exists() and not (path.is_file() or path.is_dir()):
                raise DataError(Problem(f"data.{name}", f"{path}, a pipe or a device", "a file or a folder"))


def as_paths(stated: str | list[str] | None) -> list[Path]:
    """The paths of a recipe's field that takes one or several."""
    return [Path(path) for path in ([stated] if isinstance(stated, str) else stated or [])]


def positive_of(settings: DataSettings) -> str | None:
    """The class of interest, from the recipe or the named data set."""
    known = dataset(settings.dataset).columns if settings.dataset is not None else {}
    return settings.positive or known.get("positive")  # type: ignore[return-value]


def _read(settings: DataSettings, task: type[Task], reads: str, skipped: Skipped) -> tuple[Records, Columns]:
    """The records of a named data set, of the user's file or in memory, and their column names."""
    if settings.held is not None:
        return settings.held, Columns()
    labels_file, mask_file = (Path(path) if path else None for path in (settings.labels_path, settings.mask_path))
    target = (settings.target,) if isinstance(settings.target, str) else tuple(settings.target or ())
    columns = Columns(
        settings.input,
        target,
        settings.id,
        settings.split_column,
        labels_file is None,
        settings.time,
        reads,
        settings.group_column,
    )
    columns = replace(
        columns,
        header=settings.header,
        names=tuple(settings.names or ()),
        skip=tuple(settings.ignore_columns),
        pattern=settings.pattern,
        wild_type=wild_type_of(settings.wild_type),
        offset=settings.offset,
        label_separator=settings.label_separator,
        documents=settings.documents,
        time_step=settings.time_step,
    )
    tests = Path(settings.test_path) if settings.test_path else None
    if settings.dataset is not None:
        chosen = dataset(settings.dataset)
        if chosen.package:
            return chosen.records(), Columns()
        known = chosen.columns
        default = known.get("target", ())
        names = (default,) if isinstance(default, str) else tuple(default)  # type: ignore[arg-type]
        columns = replace(
            columns,
            input=columns.input or known.get("input"),  # type: ignore[arg-type]
            target=columns.target or names,
            set=columns.set or known.get("set"),  # type: ignore[arg-type]
            group=columns.group or known.get("group"),  # type: ignore[arg-type]
            names=columns.names or tuple(known.get("names", ())),  # type: ignore[arg-type]
            pattern=columns.pattern or known.get("pattern"),  # type: ignore[arg-type]
        )
        if "test" in known and tests is None:
            tests = locate(chosen, str(known["test"]))
        path: Path | list[Path] = locate(chosen)
        if "labels_path" in known and labels_file is None:
            labels_file = locate(chosen, str(known["labels_path"]))
            mask_file = locate(chosen, str(known["mask_path"]))
    else:
        paths = as_paths(settings.path)
        path = paths[0] if len(paths) == 1 else paths
    records = read_all(path, columns, settings.on_error, skipped)
    if tests is not None:
        files = reads in ("images", "audio") and records.arrays is None
        records = _with_tests(
            records, read_all(tests, replace(columns, prefix="test-"), settings.on_error, skipped), files
        )
    if labels_file is not None:
        if task.per_position:
            records = join_residues(records, labels_file, mask_file, settings.on_error, skipped)
        else:
            records = join_lines(records, labels_file)
    return records, columns


def _with_tests(records: Records, tests: Records, of_files: bool) -> Records:
    """Records of two files, the second of which is the test set; error messages keep the lines of each file."""
    if records.columns != tests.columns or list(records.labels) != list(tests.labels):
        found = f"columns {', '.join((*tests.columns, *tests.labels))}"
        raise DataError(Problem(tests.file, found, f"{', '.join((*records.columns, *records.labels))} as in training"))
    roles = [role if role == "validation" else "train" for role in records.role or [""] * len(records)]
    if of_files:
        records, tests = _from_one_folder(records, tests)
    again = {*records.ids} & {*tests.ids}
    ids = [f"test-{name}" if name in again else name for name in tests.ids]
    joined = Records.join([replace(records, role=roles), replace(tests, ids=ids, role=["test"] * len(tests))])
    joined.file = records.file if of_files else f"{records.file} and {tests.file}"
    return joined


def _from_one_folder(records: Records, tests: Records) -> tuple[Records, Records]:
    """Names of images or audio clips of two lists or folders, relative to a common folder."""
    homes = [Path(part.file) if os.path.isdir(part.file) else Path(part.file).parent for part in (records, tests)]
    common = os.path.commonpath([os.path.abspath(home) for home in homes])
    moved = []
    for part, home in zip((records, tests), homes):
        below = Path(os.path.relpath(os.path.abspath(home), common))
        moved.append(replace(part, inputs=[(below / name).as_posix() for name in part.inputs], file=common))
    return moved[0], moved[1]
