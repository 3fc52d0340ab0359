"""A saved program's metrics on a labelled file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.core.files import finite
from xmr.data.columns import Columns
from xmr.data.readers.paths import must_exist
from xmr.data.readers.read import read_all
from xmr.data.readers.time_series import read_time_table, windows
from xmr.data.records import Skipped, without_bad
from xmr.encoders.forecast import ForecastEncoder
from xmr.errors import DataError, Problem
from xmr.program import Program
from xmr.program_folder import columns_of
from xmr.training.devices import make_accelerator


def assess_file(
    folder: Path,
    source: Path,
    on_error: str = "fail",
    input_column: str | None = None,
    target_columns: tuple[str, ...] = (),
    role: str | None = None,
    device: str = "auto",
) -> dict[str, Any]:
    """Metrics with bootstrap intervals. role: only records of this set (a set column or SET= header)."""
    must_exist(source)
    columns = columns_of(folder, Columns(input_column, target_columns))
    if columns.reads == ForecastEncoder.reads:
        return _assess_forecast(folder, source, replace(columns, time=input_column), device)
    skipped = Skipped()
    records = read_all(source, columns, on_error, skipped)
    if role is not None:
        if role not in records.role:
            raise DataError(
                Problem(str(source), f"no record of the set {role!r}", "train, validation or test as in the file")
            )
        records = records.take([index for index, found in enumerate(records.role) if found == role])
    program = Program.load(folder, str(make_accelerator(device).device))
    targets = program.targets
    wanted = targets.columns
    if len(records.labels) == len(wanted) and set(records.labels) != set(wanted):
        records.labels = dict(zip(wanted, records.labels.values()))
    records = without_bad(records, targets.check_labels(records), on_error, skipped)
    wrong = {**targets.check(records), **program.encoder.check(records, fitted=True)}
    records = without_bad(records, wrong, on_error, skipped)
    if targets.per_position:
        lengths = np.array([len(text) for text in program.encoder.canonical(records)])
        records = without_bad(records, targets.check_lengths(records, lengths), on_error, skipped)
    if not len(records):
        raise DataError(Problem(str(source), "no usable record", "at least one"))
    data = program.encoder.encode(records)
    values = program.answer(data).mean(dim=0).numpy()
    target = targets.encode(records)
    return finite(
        {
            "n": len(records),
            "skipped": len(skipped),
            "test": targets.metrics(values, target),
            "test_interval": targets.interval(values, target, targets.lengths(data)),
            **({"notes": list(records.notes)} if records.notes else {}),
        }
    )


def _assess_forecast(folder: Path, source: Path, columns: Columns, device: str) -> dict[str, Any]:
    """MSE and MAE over every window of a table, in the training rows' z-scores."""
    table = read_time_table(source, columns)
    program = Program.load(folder, str(make_accelerator(device).device))
    encoder = program.encoder
    assert isinstance(encoder, ForecastEncoder)
    records = windows(encoder.scaled(table), encoder.context_length, encoder.horizon, 0, len(table.values))
    values = program.answer(encoder.encode(records)).mean(dim=0).numpy()
    found = program.targets.metrics(values, program.targets.encode(records))
    notes = {"notes": list(table.notes)} if table.notes else {}
    return finite({"n": len(records), "skipped": 0, "test": found, "test_interval": {}, **notes})
