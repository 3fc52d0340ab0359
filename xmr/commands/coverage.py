"""`xmr predict --calibrate`: prediction sets and intervals that hold the truth with a stated probability.

Split conformal prediction (Vovk et al. 2005; Angelopoulos and Bates 2021, arXiv 2107.07511): the errors on labelled
records that the program was not trained on say how far from its predictions the truth may lie.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from xmr.commands.evaluate import read_labelled
from xmr.commands.trained_on import FILE, part_of
from xmr.data.records import Skipped
from xmr.errors import DataError, Problem
from xmr.program import Program


@dataclass(frozen=True)
class Coverage:
    """limit: the error that this fraction of the labelled records does not exceed. note: on what it rests."""

    limit: float
    note: str

    @classmethod
    def of(cls, program: Program, folder: Path, file: Path, coverage: float) -> Self:
        """From a file of labelled records, less those of the training and validation parts.

        A new record like these has an error of at most the k-th smallest of their n errors, k = ceil((n + 1) coverage),
        with at least the probability `coverage`. Raises DataError for too few records, and for a task without sets.
        """
        if not program.task.single_target:
            expected = "a program of one class or number per record"
            raise DataError(Problem("--calibrate", f"task {program.task.name}", expected))
        records = read_labelled(program, folder, file, skipped=Skipped())
        part = part_of(folder, program.encoder.canonical(records))
        known = np.zeros(len(records), bool) if part is None else part > 0
        kept = np.flatnonzero(~known)
        need = math.ceil(round(coverage / (1 - coverage), 9))
        if len(kept) < need:
            found = f"{len(kept):,} labelled records that were not in training or validation"
            expected = f"at least {need:,} for --coverage {coverage:g}"
            raise DataError(Problem(str(file), found, expected))
        records = records.take([*kept])
        values = program.predict(records).values
        errors = np.sort(program.task.nonconformity(values, program.task.encode(records).numpy()))
        rank = math.ceil(round((len(errors) + 1) * coverage, 9))
        left = f", {int(known.sum()):,} others were in training or validation" if known.any() else ""
        if part is None:
            left = f"; whether the program was trained on them is not known ({FILE} is not there)"
        return cls(float(errors[rank - 1]), f"coverage of {coverage:.0%} from {len(errors):,} labelled records{left}")
