"""A saved program's metrics on a labelled file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from xmr.commands.decoys import against_shuffles
from xmr.commands.trained_on import FILE, TRAIN, VALIDATION, part_of
from xmr.commands.unlike import out_of_distribution
from xmr.core.files import finite
from xmr.data.columns import Columns
from xmr.data.readers.paths import must_exist
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem
from xmr.program import Program
from xmr.program_folder import reader_of
from xmr.tasks.base import Task
from xmr.training.devices import make_accelerator


def assess_file(
    folder: Path,
    source: Path,
    on_error: str = "fail",
    input_column: str | None = None,
    target_columns: tuple[str, ...] = (),
    role: str | None = None,
    device: str = "auto",
    decoys: bool = False,
    unlike: Path | None = None,
) -> dict[str, Any]:
    """Metrics with bootstrap intervals. role: only records of this set (a set column or SET= header).

    Records that were in training or validation are counted, and the metrics given without them as well. decoys: also
    rank positive records against shuffles of themselves; unlike: a file of records that the confidence should tell
    apart.
    """
    must_exist(source)
    skipped = Skipped()
    program = Program.load(folder, str(make_accelerator(device).device))
    records = read_labelled(program, folder, source, on_error, skipped, Columns(input_column, target_columns), role)
    task = program.task
    data = program.encoder.encode(records)
    values = task.combined(program.predict_each(data)).numpy()
    target, positions = task.encode(records), task.lengths(data)
    result: dict[str, Any] = {"n": len(records), "skipped": len(skipped), **_scores(task, values, target, positions)}
    if decoys:
        result["decoys"] = against_shuffles(program, records, target.numpy() == getattr(task, "positive_class", -1))
    if unlike is not None:
        result["unlike"] = _unlike(program, unlike, values, on_error, skipped)
    notes = list(records.notes)
    part = part_of(folder, program.encoder.canonical(records))
    if part is None:
        notes.append(f"whether the program was trained on some of these records is not known ({FILE} is not there)")
    else:
        result |= {"in_training": int((part == TRAIN).sum()), "in_validation": int((part == VALIDATION).sum())}
        new = part == 0
        if not new.all():
            notes.append(f"{int((~new).sum()):,} of {len(new):,} records were in training or validation")
        if 0 < new.sum() < len(new):
            rows = new if positions is None else np.repeat(new, positions)
            scores = _scores(task, values[rows], target[rows], None if positions is None else positions[new])
            result["without_them"] = {"n": int(new.sum()), **scores}
    return finite({**result, **({"notes": notes} if notes else {})})


def read_labelled(
    program: Program,
    folder: Path,
    source: Path,
    on_error: str = "fail",
    skipped: Skipped | None = None,
    given: Columns | None = None,
    role: str | None = None,
) -> Records:
    """Records of a file whose labels and inputs suit a program. role: see `assess_file`. Raises DataError."""
    task, skipped = program.task, skipped or Skipped()
    encoder, columns = reader_of(folder, given or Columns())
    records = encoder.read(source, columns, on_error, skipped)
    if role is not None:
        if role not in records.role:
            raise DataError(
                Problem(str(source), f"no record of the set {role!r}", "train, validation or test as in the file")
            )
        records = records.take([index for index, found in enumerate(records.role) if found == role])
    wanted = task.columns
    if columns.recalled().label_separator:  # a label that no record here has
        records.labels |= {name: ["0"] * len(records) for name in wanted if name not in records.labels}
    if len(records.labels) == len(wanted) and set(records.labels) != set(wanted):
        records.labels = dict(zip(wanted, records.labels.values()))
    records = without_bad(records, task.check_labels(records), on_error, skipped)
    wrong = {**task.check(records), **program.encoder.check(records, fitted=True)}
    records = without_bad(records, wrong, on_error, skipped)
    if task.per_position:
        lengths = np.array([len(text) for text in program.encoder.canonical(records)])
        records = without_bad(records, task.check_lengths(records, lengths), on_error, skipped)
    if not len(records):
        raise DataError(Problem(str(source), "no usable record", "at least one"))
    return records


def _unlike(program: Program, path: Path, values: np.ndarray, on_error: str, skipped: Skipped) -> dict[str, Any]:
    """The confidence in these records against that in those of another file."""
    if not (program.task.classes and program.task.single_target):
        raise DataError(Problem("--unlike", f"task {program.task.name}", "a program of classes per record"))
    must_exist(path)
    columns = Columns(need_target=False, reads=program.encoder.reads, trained=program.columns)
    other = Records.join(list(program.encoder.stream(path, columns, program.encoder.chunk)))
    other = without_bad(other, program.encoder.check(other, fitted=True), on_error, skipped)
    if not len(other):
        raise DataError(Problem(str(path), "no usable record", "at least one"))
    return out_of_distribution(values.max(axis=1), program.predict(other).values.max(axis=1))


def _scores(task: Task, values: np.ndarray, target: Tensor, positions: np.ndarray | None) -> dict[str, Any]:
    """Metrics, intervals, and the number of records of each class."""
    scores = {
        "test": task.metrics(values, target, positions),
        "test_interval": task.interval(values, target, positions),
    }
    counts = task.counts(target)
    return {**scores, **({"test_counts": counts} if counts else {})}
