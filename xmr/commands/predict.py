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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import blake2b, sha256
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np
import torch

from xmr.commands.coverage import Coverage
from xmr.core.files import NAMES, escape_formula, json_sha256, replacing, sweep, write_csv, write_json, writing
from xmr.core.output_folder import check_name, locked
from xmr.core.parquet import SUFFIX as PARQUET
from xmr.core.parquet import column_names, write_parquet
from xmr.core.prediction import Prediction
from xmr.core.registry import TASKS
from xmr.data.columns import Columns
from xmr.data.mutations import whole_sequences
from xmr.data.readers.paths import must_exist
from xmr.data.readers.tables import SEPARATOR
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, OutputError, Problem
from xmr.program import Program
from xmr.program_folder import FILES, read_facts, reader_of
from xmr.tasks.base import SETS, Table, Task, task_class
from xmr.training.devices import make_accelerator

MAX_IDS = 50_000_000  # ids compared with one another, at 8 bytes each
SKIPPED_HEADER = ["place", "id", "reason"]
UNLIKE, HEADER, INPUT = "unlike_training", "header", "input"  # columns behind those of the task


@dataclass
class Done:
    """What a prediction wrote. notes: what the user should know of the input."""

    written: int
    skipped: int
    skipped_file: Path
    notes: tuple[str, ...] = ()  # what the user should know of the input


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


@dataclass(frozen=True)
class Request:
    """By what is predicted, and how; see `predict_file`."""

    folder: Path
    columns: Columns
    on_error: str = "fail"
    precision: str = "full"
    device: str = "auto"
    escape_formulas: bool = False
    keep: bool = False
    samples: int = 0
    queries: int | None = None
    calibrate: Path | None = None
    coverage: float = 0.9

    def load(self) -> Predictor:
        """The program on its device. Raises ProgramError, and DataError for labelled records that do not serve."""
        program = Program.load(self.folder, str(make_accelerator(self.device).device))
        if self.samples:
            program.task = program.task.sampling(self.samples)
        if program.source.questions is not None:
            program.source.questions.prediction_limit = self.queries
        if self.calibrate is None:
            return Predictor(self, program)
        return Predictor(self, program, Coverage.of(program, self.folder, self.calibrate, self.coverage))


@dataclass
class Answered:
    """The rows of a chunk as CSV, those of the records that were skipped, and how many are unlike the training data."""

    rows: bytes = b""
    bad: bytes = b""
    written: int = 0
    skipped: int = 0
    unlike: int = 0


@dataclass
class Predictor:
    """A loaded program. numbers: the columns of its table that hold numbers, once it has predicted."""

    request: Request
    program: Program
    coverage: Coverage | None = None
    numbers: tuple[str, ...] = ()

    def __call__(self, records: Records, header: bool) -> Answered:
        """Predict a chunk. header: whether the rows begin with the names of the columns."""
        request, encoder, skipped = self.request, self.program.encoder, Skipped()
        rules = request.columns.recalled()
        listed = whole_sequences(records, rules.wild_type, rules.offset) if rules.wild_type else {}
        wrong = {**encoder.check(records, fitted=True), **listed}
        clean = without_bad(records, wrong, request.on_error, skipped)
        made = Answered(bad=csv_bytes(skipped.rows), written=len(clean), skipped=len(skipped))
        if len(clean):
            made.rows, made.unlike = self._rows(clean, header)
        return made

    def _rows(self, part: Records, header: bool) -> tuple[bytes, int]:
        program, context = self.program, None
        if self.request.precision == "bf16":
            context = torch.autocast(program.device.type, torch.bfloat16)
        data = program.encoder.encode(part)
        features = None if program.novelty is None else np.zeros((len(part), program.source.hidden_width), np.float32)
        each = program.predict_each(data, precision=context, features=features)
        prediction = Prediction.of(part.ids, each, program.task.combined(each), program.task.lengths(data))
        prediction = program.encoder.to_original_units(prediction, part)
        why = None if features is None else program.unlike_training(part, features)
        sets = {} if self.coverage is None else program.task.within(prediction.values, self.coverage.limit)
        more: dict[str, list[Any]] = {**sets, **({} if why is None else {UNLIKE: why})}
        if self.request.keep:
            more |= _kept(part)
        if not self.numbers:
            numbers = tuple(name for name, cells in sets.items() if not isinstance(cells[0], str))
            found = (*number_columns(prediction, program.task), *numbers)
            self.numbers = tuple(map(escape_formula, found)) if self.request.escape_formulas else found
        names, rows = prediction_table(prediction, program.task, None, self.request.escape_formulas, more)
        return csv_bytes([names, *rows] if header else rows), sum(map(bool, why or []))


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
    rows, bad = _Growing(part), _Growing(bad_part)
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


def _kept(records: Records) -> dict[str, list[str]]:
    """The FASTA header and the input of each record, or the cells of a table: column -> texts."""
    kept = {HEADER: records.title} if any(records.title) else {}
    if records.columns:
        cells = zip(*(text.split(SEPARATOR) for text in records.inputs))
        return {**kept, **{f"{INPUT}[{name}]": [*column] for name, column in zip(records.columns, cells)}}
    return kept if records.arrays is not None else {**kept, INPUT: records.inputs}


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


class _Growing:
    """A file that grows by a chunk at a time and knows the checksum of what is in it."""

    def __init__(self, path: Path) -> None:
        self.path, self.bytes, self.digest = path, 0, sha256()
        self.handle: IO[bytes] | None = None

    def is_whole(self, noted: dict[str, Any]) -> bool:
        """Whether its first bytes are those that were noted."""
        try:
            return self._digest(noted["bytes"]).hexdigest() == noted["sha256"]
        except OSError:
            return False

    def go_on(self, noted: dict[str, Any]) -> None:
        """Take over what an earlier process wrote."""
        self.bytes, self.digest = noted["bytes"], self._digest(noted["bytes"])

    def _digest(self, size: int) -> Any:
        digest, left = sha256(), size
        with self.path.open("rb") as handle:
            while left > 0 and (block := handle.read(min(left, 1 << 20))):
                digest.update(block)
                left -= len(block)
        return digest

    def open(self) -> IO[bytes]:
        """Open it at the end of what counts; what a kill left behind that is cut off."""
        with writing(self.path):
            self.handle = self.path.open("r+b" if self.bytes else "wb")
            self.handle.seek(self.bytes)
            self.handle.truncate()
        return self.handle

    def add(self, content: bytes) -> None:
        """Append."""
        assert self.handle is not None
        with writing(self.path):
            self.handle.write(content)
        self.bytes += len(content)
        self.digest.update(content)

    def flushed(self) -> dict[str, Any]:
        """Bring it to the disk -> what is to be noted of it."""
        assert self.handle is not None
        with writing(self.path):
            self.handle.flush()
            os.fsync(self.handle.fileno())
        return {"bytes": self.bytes, "sha256": self.digest.hexdigest()}


def id_hashes(ids: list[str]) -> bytes:
    """Eight bytes of each id, the same in every process."""
    return b"".join(blake2b(each.encode("utf-8", "surrogatepass"), digest_size=8).digest() for each in ids)


def notes_of_ids(hashes: Iterable[bytes]) -> list[str]:
    """Notes about ids that are empty or stand for several records. hashes: `id_hashes` of consecutive chunks, of which
    the first MAX_IDS are looked at.
    """
    count = MAX_IDS
    kept = np.zeros(0, np.int64)
    parts = [kept]
    for part in hashes:
        parts.append(np.frombuffer(part, np.int64)[:count])
        count -= len(parts[-1])
    kept = np.sort(np.concatenate(parts))
    empty = int((kept == np.frombuffer(id_hashes([""]), np.int64)).sum())
    repeated = int((kept[1:] == kept[:-1]).sum()) - max(0, empty - 1)
    found = [f"{empty:,} ids are empty"] if empty else []
    if repeated:
        found.append(f"{repeated:,} records have the id of an earlier one; rows are in the order of the input")
    return found


def fingerprint(request: Request, sources: Sequence[Path], *more: object) -> str:
    """What a partial prediction belongs to: the program's files, the input's size and time, the options."""
    program, _, _ = read_facts(request.folder)
    files = [
        path
        for source in sources
        for path in (sorted(path for path in source.rglob("*") if path.is_file()) if source.is_dir() else [source])
    ]
    if request.calibrate is not None:
        must_exist(request.calibrate)
        files.append(request.calibrate)
    facts = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    digest = sha256()
    for name in FILES:
        digest.update(sha256((program / name).read_bytes()).digest())
    options = [request.columns.given(), request.on_error, request.precision, request.escape_formulas]
    digest.update(json.dumps([facts, *options, request.keep, request.samples, request.coverage, *more]).encode())
    return digest.hexdigest()


def _noted(note: Path, key: str) -> dict[str, Any] | None:
    """What an earlier process noted, if it is whole and belongs to this prediction."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        facts: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        if facts.pop("sha256") == json_sha256(facts) and facts["key"] == key:
            return facts
    return None
