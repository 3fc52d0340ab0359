"""`xmr predict` of what `xmr auto` saved: a program as always; a baseline, or the mean of several, in one pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from xmr.commands.auto.saved import Saved, load_saved
from xmr.commands.predict import SKIPPED_HEADER, Done, check_target, predict_file
from xmr.commands.prediction_table import csv_bytes, number_columns, prediction_table
from xmr.core.files import replacing, write_csv
from xmr.core.parquet import SUFFIX as PARQUET
from xmr.core.parquet import write_parquet
from xmr.core.store import local_path
from xmr.data.columns import Columns
from xmr.data.readers.paths import inputs, must_exist
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, OutputError, Problem
from xmr.program_folder import reader_of
from xmr.tasks.base import restore_task

CHUNK = 4096


def predict_any(folder: Path, sources: Sequence[str], out: str, **settings: Any) -> Done:
    """`predict_file` of a program or of a folder that `xmr auto` wrote; see there for arguments and errors.

    sources: paths, or addresses of fsspec; out: a path, with or without `file://`. A predictor that is no program holds
    all records in memory, because its baselines are fitted once for all of them.
    """
    saved, paths, target = load_saved(folder), inputs(sources), local_path(out)
    if target is None:
        raise OutputError(Problem(out, "an address", "a file, or parts: --engine local writes those to addresses"))
    if saved is None or saved.is_program:
        return predict_file(folder if saved is None else saved.program, paths, target, **settings)
    return _predict(saved, paths, target, settings)


def _predict(saved: Saved, paths: list[Path], target: Path, settings: dict[str, Any]) -> Done:
    if settings.get("calibrate") is not None:
        raise OutputError(Problem("--calibrate", f"a predictor of {', '.join(saved.members)}", "a program"))
    skipped_file = target.with_name(f"{target.name}.skipped.csv")
    for path in paths:
        must_exist(path)
        check_target(path, target, settings.get("force", False))
        check_target(path, skipped_file, settings.get("force", False), SKIPPED_HEADER)
    wanted = Columns(settings.get("input_column"), (), settings.get("id_column"), None, need_target=False)
    encoder, columns = reader_of(saved.program, wanted)
    source = paths[0] if len(paths) == 1 else paths
    skipped, on_error = Skipped(), settings.get("on_error", "fail")
    records = Records.join(list(encoder.stream(source, columns, CHUNK)))
    if not len(records):
        raise DataError(Problem(str(paths[0]), "no record", "at least one"))
    records = without_bad(records, encoder.check(records, fitted=True), on_error, skipped)
    task = restore_task(saved.task_state(), str(saved.folder))
    prediction = replace(saved.predict(records), lengths=task.lengths(encoder.encode(records)))
    prediction = encoder.to_original_units(prediction, records)
    header, rows = prediction_table(prediction, task, None, settings.get("escape_formulas", False))
    if len(skipped):
        write_csv(skipped_file, SKIPPED_HEADER, skipped.rows)
    if target.suffix == PARQUET:
        with replacing(target) as temporary:
            write_parquet(BytesIO(csv_bytes([header, *rows])), temporary, number_columns(prediction, task))
    else:
        write_csv(target, header, rows)
    return Done(len(records), len(skipped), skipped_file, records.notes)
