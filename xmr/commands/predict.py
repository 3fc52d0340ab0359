"""Predicting a file of any size: chunk by chunk, flat memory, in order, resumable after a kill.

Rows are written to a partial file next to the target; after each chunk a small JSON file notes the number of records
and bytes, and their checksum. A restart truncates the partial file to what was noted and continues, or starts over if
anything has changed. The target appears at the end.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from xmr.commands.ids import MAX_IDS, id_hashes, notes_of_ids
from xmr.commands.prediction_table import UNLIKE, is_prediction_header
from xmr.commands.predictor import Predictor, Request, fingerprint
from xmr.core.files import NAMES, json_sha256, replacing, sweep, write_csv, write_json, writing
from xmr.core.growing_file import GrowingFile
from xmr.core.output_folder import check_name, locked
from xmr.core.parquet import SUFFIX as PARQUET
from xmr.core.parquet import column_names, write_parquet
from xmr.data.columns import Columns
from xmr.data.readers.paths import must_exist
from xmr.data.records import Records
from xmr.errors import DataError, OutputError, Problem
from xmr.program_folder import reader_of

SKIPPED_HEADER = ["place", "id", "reason"]


@dataclass
class Done:
    """What a prediction wrote. notes: what the user should know of the input."""

    written: int
    skipped: int
    skipped_file: Path | str  # a path, or an address of an object store
    notes: tuple[str, ...] = ()


def predict_file(
    folder: Path,
    source: Path | Sequence[Path],
    target: Path,
    *,
    on_error: Literal["fail", "skip"] = "fail",
    input_column: str | None = None,
    id_column: str | None = None,
    force: bool = False,
    precision: str = "full",
    device: str = "auto",
    chunk: int | None = None,
    escape_formulas: bool = False,
    keep: bool = False,
    samples: int = 0,
    queries: int | None = None,
    calibrate: Path | None = None,
    coverage: float = 0.9,
    report: Callable[[int, float], None] = lambda n, rate: None,
) -> Done:
    """Predict every record of one or several files into `target`, CSV or Parquet. Raises DataError with file and line.

    With on_error "skip", records that cannot be read are listed in `target`.skipped.csv and the others are predicted.
    force: start over, and replace a `target` that is no prediction. escape_formulas: an apostrophe before ids and
    labels that a spreadsheet would take for a formula. keep: write header and input of each record as well. samples:
    per record, of programs that fill hidden letters. queries: most questions to a source that only answers; raises
    QuestionBudgetError for more. calibrate: labelled records from which prediction sets of this `coverage` are made
    (`Coverage`). Raises OutputError for a target that is the input, no file, in use, or cannot be
    written.
    """
    paths = [source] if isinstance(source, Path) else [*source]
    for path in paths:
        must_exist(path)
    source = paths[0] if len(paths) == 1 else paths
    skipped_file = skipped_of(target)
    for path in paths:
        check_target(path, target, force)
        check_target(path, skipped_file, force, SKIPPED_HEADER)
    encoder, columns = reader_of(folder, Columns(input_column, (), id_column, None, need_target=False))
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with locked(target.with_name(f".{target.name}.lock"), target):
        first = next(encoder.stream(source, columns, 1), None)  # a wrong file is refused before anything is loaded
        if first is None:
            raise DataError(Problem(str(paths[0]), "no record", "at least one"))
        request = Request(folder, columns, on_error, precision, device, escape_formulas, keep, samples, queries)
        request = replace(request, calibrate=calibrate, coverage=coverage)
        key = fingerprint(request, paths)
        chunks = encoder.stream(source, columns, chunk or encoder.chunk)
        return _predict(request.load(), chunks, source, target, key, force, report)


def skipped_of(target: Path) -> Path:
    """The list of the records that a prediction into `target` skips."""
    return target.with_name(f"{target.name}.skipped.csv")


def said_unlike(unlike: int, written: int) -> str:
    """The note about records unlike the training data."""
    return f"{unlike:,} of {written:,} records are unlike the training data (column {UNLIKE})"


def check_target(source: Path, target: Path, force: bool, header: list[str] | None = None) -> None:
    """Raises OutputError for a target that is the input or no regular file; without `force` for what xmr did not write.

    header: of the table that may be replaced; by default that of any prediction.
    """
    check_name(target)
    if not target.exists():
        return
    if source.exists() and target.samefile(source):
        raise OutputError(Problem(str(target), "the input itself as the output", "another name (-o)"))
    if target.is_dir():
        raise OutputError(Problem(str(target), "a folder", "the name of a CSV file to write (-o)"))
    if not target.is_file():
        raise OutputError(Problem(str(target), "something that is no regular file", "the name of a CSV file (-o)"))
    if force or target.stat().st_size == 0:
        return
    try:
        if target.suffix == PARQUET:
            found = column_names(target)
        else:
            with target.open(newline="", encoding="utf-8") as handle:
                found = next(csv.reader([handle.readline(1_000_000)]), [])
    except (OSError, ValueError, csv.Error):
        found = []
    if found != header if header is not None else not is_prediction_header(found):
        what = "a file that no `xmr predict` wrote"
        raise OutputError(Problem(str(target), what, "another name (-o), or --force to replace it"))


def _predict(
    predictor: Predictor,
    chunks: Iterator[Records],
    source: Path | Sequence[Path],
    target: Path,
    key: str,
    force: bool,
    report: Callable[[int, float], None],
) -> Done:
    """Predict chunk by chunk, continuing an earlier call, and put the result in place."""
    part, note = target.with_name(f".{target.name}.part"), target.with_name(f".{target.name}.part.json")
    skipped_file, bad_part = skipped_of(target), target.with_name(f".{target.name}.skipped.part")
    for path in (note, skipped_file):
        sweep(path)
    rows, bad = GrowingFile(part), GrowingFile(bad_part)
    state: dict[str, Any] = {"read": 0, "written": 0, "skipped": 0, "unlike": 0, "numbers": []}
    noted = None if force else _noted(note, key)
    if noted is not None and rows.is_whole(noted["rows"]) and bad.is_whole(noted["bad"]):
        rows.go_on(noted["rows"])
        bad.go_on(noted["bad"])
        state |= noted["state"]
    started, before, passed = time.perf_counter(), state["read"], 0
    ids, notes = list[bytes](), dict[str, None]()
    with rows.open(), bad.open():
        for records in chunks:
            passed += len(records)
            if passed <= MAX_IDS:
                ids.append(id_hashes(records.ids))
            notes |= dict.fromkeys(records.notes)
            if passed <= state["read"]:
                continue
            answered = predictor(records, header=state["written"] == 0)
            rows.add(answered.rows)
            bad.add(answered.bad)
            state = {
                "read": passed,
                "written": state["written"] + answered.written,
                "skipped": state["skipped"] + answered.skipped,
                "unlike": state["unlike"] + answered.unlike,
                "numbers": predictor.numbers or state["numbers"],
            }
            facts = {"key": key, "state": state, "rows": rows.flushed(), "bad": bad.flushed()}
            write_json(note, {**facts, "sha256": json_sha256(facts)})
            report(passed, (passed - before) / max(1e-9, time.perf_counter() - started))
    if not state["written"]:
        raise DataError(Problem(str(source), "no readable record", "at least one"))
    if state["unlike"]:
        notes[said_unlike(state["unlike"], state["written"])] = None
    if state["skipped"]:
        with bad_part.open(newline="", encoding="utf-8", errors=NAMES) as handle:
            write_csv(skipped_file, SKIPPED_HEADER, csv.reader(handle))
    with writing(target):
        if not state["skipped"]:
            skipped_file.unlink(missing_ok=True)  # of an earlier prediction: `check_target` has looked at it
        if target.suffix == PARQUET:
            with replacing(target) as temporary:
                write_parquet(part, temporary, state["numbers"])
            part.unlink()
        else:
            os.replace(part, target)
        note.unlink(missing_ok=True)
        bad_part.unlink(missing_ok=True)
    questions = predictor.program.source.questions
    said = [] if questions is None else [questions.said()]
    said += [] if predictor.coverage is None else [predictor.coverage.note]
    return Done(state["written"], state["skipped"], skipped_file, (*notes, *notes_of_ids(ids), *said))


def _noted(note: Path, key: str) -> dict[str, Any] | None:
    """What an earlier process noted, if it is whole and belongs to this prediction."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        if facts.pop("sha256") == json_sha256(facts) and facts["key"] == key:
            return facts
    return None
