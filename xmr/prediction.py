"""Predicting a file of any size: chunk by chunk, flat memory, in order, resumable after a kill.

Rows go to a partial file beside the target; after each chunk a small JSON file notes how many records are done and how
many bytes that is. A restart cuts the partial file to what was noted and goes on. The target appears when all is done.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch

from xmr.data.forecast import read_time_table
from xmr.data.read import must_exist, stream
from xmr.data.records import Records, Skipped, without_bad
from xmr.data.tables import Columns
from xmr.encoders.forecast import ForecastEncoder
from xmr.errors import DataError, Problem
from xmr.files import write_csv, write_json
from xmr.job import make_accelerator
from xmr.prediction_table import in_own_units, prediction_table
from xmr.program import Prediction, Program
from xmr.program_folder import columns_of


@dataclass
class Done:
    """What a prediction wrote."""

    written: int
    skipped: int
    skipped_file: Path
    notes: tuple[str, ...] = ()  # rules that acted while the file was read


def predict_file(
    folder: Path,
    source: Path,
    target: Path,
    *,
    on_bad: Literal["fail", "skip"] = "fail",
    input_column: str | None = None,
    id_column: str | None = None,
    force: bool = False,
    precision: str = "full",
    device: str = "auto",
    chunk: int | None = None,
    report: Callable[[int, float], None] = lambda n, rate: None,
) -> Done:
    """Answer every record of `source` into the CSV `target`. Raises DataError naming file and line.

    With on_bad "skip", records that cannot be read are listed in `target`.skipped.csv and the rest is answered.
    """
    must_exist(source)
    columns = columns_of(folder, Columns(input_column, (), id_column, None, need_target=False))
    if columns.reads == ForecastEncoder.reads:
        return _forecast_file(folder, source, target, replace(columns, time=input_column), device)
    first = next(iter(stream(source, columns, 1)), None)  # a wrong file is refused before anything is loaded
    if first is None:
        raise DataError(Problem(str(source), "no record", "at least one"))
    program = Program.load(folder, str(make_accelerator(device).device))
    partial, note = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.part.json")
    target.parent.mkdir(parents=True, exist_ok=True)
    key = _fingerprint(folder, source, columns, on_bad, precision)
    state = _resume(partial, note, key) if not force else _fresh(key)
    skipped = Skipped([tuple(row) for row in state["skipped"]])
    started, before = time.perf_counter(), state["read"]
    context: AbstractContextManager | None = None
    if precision == "bf16":
        context = torch.autocast(program.device.type, torch.bfloat16)
    passed, notes = 0, dict[str, None]()
    with partial.open("r+b" if state["bytes"] else "wb") as handle:
        handle.seek(state["bytes"])
        handle.truncate()
        for part in stream(source, columns, chunk or program.encoder.chunk):
            passed += len(part)
            notes |= dict.fromkeys(part.notes)
            if passed <= state["read"]:
                continue
            clean = without_bad(part, program.encoder.check(part, fitted=True), on_bad, skipped)
            if len(clean):
                _append(handle, program, clean, state["written"] == 0, context)
                state["written"] += len(clean)
            state |= {"read": passed, "bytes": handle.tell(), "skipped": skipped.rows}
            handle.flush()
            os.fsync(handle.fileno())
            write_json(note, state)
            report(passed, (passed - before) / max(1e-9, time.perf_counter() - started))
    if not state["written"]:
        raise DataError(Problem(str(source), "no readable record", "at least one"))
    os.replace(partial, target)
    note.unlink(missing_ok=True)
    skipped_file = target.with_name(f"{target.name}.skipped.csv")
    if len(skipped):
        write_csv(skipped_file, ["place", "id", "reason"], skipped.rows)
    return Done(state["written"], len(skipped), skipped_file, tuple(notes))


def _forecast_file(folder: Path, source: Path, target: Path, columns: Columns, device: str) -> Done:
    """The steps that follow the last row of a table, one row a channel."""
    table = read_time_table(source, columns)
    program = Program.load(folder, str(make_accelerator(device).device))
    encoder = program.encoder
    assert isinstance(encoder, ForecastEncoder)
    records = encoder.latest(table)
    answered = in_own_units(replace(program.predict(records), ids=list(records.group)), encoder, records)
    header, rows = prediction_table(answered, program.targets)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_csv(target, header, rows)
    return Done(len(rows), 0, target.with_name(f"{target.name}.skipped.csv"), table.notes)


def _append(handle: Any, program: Program, part: Records, first: bool, context: AbstractContextManager | None) -> None:
    """Answer one chunk and write its rows."""
    data = program.encoder.encode(part)
    each = program.answer(data, precision=context)
    spread = each.std(dim=0) if len(each) > 1 else torch.zeros_like(each[0])
    lengths = data.lengths if program.targets.task == "residue_classification" else None  # type: ignore[attr-defined]
    prediction = Prediction(part.ids, each.mean(dim=0).numpy(), spread.numpy(), lengths)
    header, rows = prediction_table(prediction, program.targets)
    text = _Lines()
    table = csv.writer(text)
    table.writerows([header, *rows] if first else rows)
    handle.write("".join(text.lines).encode())


class _Lines:
    """What csv.writer writes to."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        """Keep one line."""
        self.lines.append(line)


def _fingerprint(folder: Path, source: Path, columns: Columns, on_bad: str, precision: str) -> str:
    """What a partial prediction belongs to: the program's tensors, the input's size and time, the options."""
    program = folder if (folder / "program.json").is_file() else folder / "program"
    files = sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source]
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = hashlib.sha256((program / "program.safetensors").read_bytes())
    digest.update(json.dumps([facts, columns.given(), on_bad, precision]).encode())
    return digest.hexdigest()


def _fresh(key: str) -> dict[str, Any]:
    return {"key": key, "read": 0, "written": 0, "bytes": 0, "skipped": []}


def _resume(partial: Path, note: Path, key: str) -> dict[str, Any]:
    """The noted state, if it belongs to this prediction and the partial file holds what it says."""
    try:
        state = json.loads(note.read_text(encoding="utf-8"))
        fits = state["key"] == key and partial.stat().st_size >= state["bytes"]
    except (OSError, json.JSONDecodeError, KeyError):
        return _fresh(key)
    return state if fits else _fresh(key)
