"""What predicts a chunk of records: a loaded program, and how the user asked for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.commands.coverage import Coverage
from xmr.commands.prediction_table import HEADER, INPUT, UNLIKE, csv_bytes, number_columns, prediction_table
from xmr.core.files import escape_formula
from xmr.core.prediction import Prediction
from xmr.data.columns import Columns
from xmr.data.mutations import whole_sequences
from xmr.data.readers.paths import must_exist
from xmr.data.readers.tables import SEPARATOR
from xmr.data.records import Records, Skipped, without_bad
from xmr.program import Program
from xmr.program_folder import FILES, read_facts
from xmr.training.devices import make_accelerator


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


def _kept(records: Records) -> dict[str, list[str]]:
    """The FASTA header and the input of each record, or the cells of a table: column -> texts."""
    kept = {HEADER: records.title} if any(records.title) else {}
    if records.columns:
        cells = zip(*(text.split(SEPARATOR) for text in records.inputs))
        return {**kept, **{f"{INPUT}[{name}]": [*column] for name, column in zip(records.columns, cells)}}
    return kept if records.arrays is not None else {**kept, INPUT: records.inputs}


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
