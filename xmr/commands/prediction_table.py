"""The table of predictions: a task's columns, and what is added to them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from xmr.core.files import NAMES, escape_formula
from xmr.core.prediction import Prediction
from xmr.core.registry import TASKS
from xmr.data.records import Records
from xmr.tasks.base import SETS, Table, Task, task_class

UNLIKE, HEADER, INPUT = "unlike_training", "header", "input"  # columns behind those of the task


def prediction_table(
    prediction: Prediction,
    task: Task,
    records: Records | None = None,
    escape_formulas: bool = False,
    more: Mapping[str, list[Any]] | None = None,
) -> Table:
    """Header and rows of predictions.csv, as text; with labelled `records`, the true labels behind the ids.

    escape_formulas: an apostrophe before every text that a spreadsheet would take for a formula. more: columns to
    add at the end.
    """
    header, rows = task.table(prediction)
    if more:
        header, rows = [*header, *more], [[*row, *texts] for row, *texts in zip(rows, *more.values())]
    if records is not None and task.has_labels:
        truths = ["|".join(labels) for labels in zip(*records.labels.values())]
        header = [header[0], "label", *header[1:]]
        rows = [[row[0], truth, *row[1:]] for row, truth in zip(rows, truths)]
    if escape_formulas:
        header, rows = [escape_formula(name) for name in header], [[escape_formula(x) for x in row] for row in rows]
    return header, [[f"{x:.6g}" if isinstance(x, float | np.floating) else x for x in row] for row in rows]


def number_columns(prediction: Prediction, task: Task) -> tuple[str, ...]:
    """The columns of a task's table that hold numbers, from its first row."""
    n = 1 if prediction.lengths is None else int(prediction.lengths[0])
    lengths = None if prediction.lengths is None else prediction.lengths[:1]
    texts = None if prediction.texts is None else prediction.texts[:1]
    header, rows = task.table(Prediction(prediction.ids[:1], prediction.values[:n], prediction.std[:n], lengths, texts))
    return tuple(name for name, cell in zip(header, rows[0]) if isinstance(cell, float | np.floating))


def is_prediction_header(header: list[str]) -> bool:
    """Whether this is the header of a table that `prediction_table` makes of records without labels."""
    header = [*header]
    while header and (header[-1] in (UNLIKE, HEADER, INPUT, *SETS) or header[-1].startswith(f"{INPUT}[")):
        header.pop()
    return any(task_class(name).is_header(header) for name in TASKS.names())


def csv_bytes(rows: Iterable[Iterable[Any]]) -> bytes:
    """Rows as the bytes of a CSV file."""
    text = _Lines()
    csv.writer(text).writerows(rows)
    return "".join(text.lines).encode("utf-8", NAMES)


class _Lines:
    """What csv.writer writes to."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Keep one line."""
        self.lines.append(line)
