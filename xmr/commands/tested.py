"""What the program, baselines and controls of a run predicted for its test records: kept, so that a report is written
again, and folds are pooled, without training.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from xmr.core.files import write_tensors
from xmr.core.prediction import Prediction
from xmr.errors import Problem, ProgramError, reason
from xmr.job import Job

FILE = "tested.safetensors"
_ARRAYS = ("rows", "values", "std", "lengths")
_KINDS = ("baselines", "controls")


@dataclass(frozen=True)
class TestedPart:
    """rows: (n,) of the test records, in `Prepared.records`; values, std, lengths: see `Prediction`; baselines,
    controls: (R, K) each, by name.
    """

    rows: np.ndarray
    values: np.ndarray
    std: np.ndarray
    lengths: np.ndarray | None = None
    baselines: dict[str, np.ndarray] = field(default_factory=dict)
    controls: dict[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, job: Job, prediction: Prediction) -> Self:
        """The test part of a job, without baselines."""
        return cls(job.rows["test"], prediction.values, prediction.std, prediction.lengths)

    def save(self, folder: Path) -> None:
        """Write them into the run's folder."""
        arrays = {name: value for name in _ARRAYS if (value := getattr(self, name)) is not None}
        for kind in _KINDS:
            arrays |= {f"{kind} {name}": value for name, value in getattr(self, kind).items()}
        write_tensors(folder / FILE, {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()})

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The inverse of `save`. Raises ProgramError."""
        try:
            arrays = {name: tensor.numpy() for name, tensor in load_file(folder / FILE).items()}
            kinds: dict[str, dict[str, np.ndarray]] = {kind: {} for kind in _KINDS}
            for name in {*arrays} - {*_ARRAYS}:
                kind, _, own = name.partition(" ")
                kinds[kind][own] = arrays[name]
            return cls(arrays["rows"], arrays["values"], arrays["std"], arrays.get("lengths"), **kinds)
        except (OSError, SafetensorError, KeyError) as error:
            expected = "what its program predicted for the test records (--force runs it again)"
            raise ProgramError(Problem(str(folder / FILE), reason(error), expected)) from error
