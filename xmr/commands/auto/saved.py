"""What `xmr auto` saves, whatever won: a program, a baseline, or the mean of several.

A program is served from its own folder. A baseline is kept as its name, its recipe and its training records, and is
fitted again when it predicts: no fitted object of another library has to be stored, and nothing is executed that this
version of xmr does not bring.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xmr.baselines.registry import run_baseline
from xmr.commands.run_baselines import baseline_input
from xmr.core.component import create
from xmr.core.files import json_sha256, write_array, write_json
from xmr.core.prediction import Prediction
from xmr.core.registry import SOURCES
from xmr.data.records import Records
from xmr.data.splits import Split
from xmr.errors import Problem, ProgramError
from xmr.job import job_on, make_encoder
from xmr.program import Program
from xmr.program_folder import read_facts
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import task_class

FILE, TRAINING, ARRAYS, RECIPE = "predictor.json", "training.json", "training.npy", "recipe.yaml"
PROGRAM = "best_program"  # the run folder of the best program; it also says how records are read
FORMAT_VERSION = 1


@dataclass(frozen=True)
class Saved:
    """A saved predictor: its members, whose predictions are averaged.

    A member is "program" (the best one), "program:NAME" (in `members/NAME`), or the name of a baseline.
    """

    folder: Path
    members: tuple[str, ...]

    @property
    def program(self) -> Path:
        """The folder of the best program."""
        return self.folder / PROGRAM

    @property
    def is_program(self) -> bool:
        """Whether it is the program alone, which the usual commands serve."""
        return self.members == ("program",)

    def predict(self, records: Records) -> Prediction:
        """Predict records. Raises ProgramError for a folder that is not as it was written."""
        values = [self._values(member, records) for member in self.members]
        spread = np.std(values, axis=0, ddof=1) if len(values) > 1 else np.zeros_like(values[0])
        return Prediction(records.ids, np.mean(values, axis=0), spread)

    def task_state(self) -> dict[str, Any]:
        """The fitted task, as its program holds it."""
        return read_facts(self.program)[1]["targets"]

    def _values(self, member: str, records: Records) -> np.ndarray:
        kind, _, name = member.partition(":")
        if kind == "program":
            return Program.load(self.folder / "members" / name if name else self.program).predict(records).values
        recipe = load_recipe(self.folder / RECIPE)
        return baseline_on(member, recipe, read_training(self.folder), records, str(self.folder))


def baseline_on(name: str, recipe: Recipe, training: Records, records: Records, place: str) -> np.ndarray:
    """What a baseline that is fitted on training records predicts for others, (n, K).

    Training records whose `role` is "validation" are its validation part. Raises ProgramError, at `place`, for records
    that cannot be predicted.
    """
    source = create(SOURCES, recipe.source).load(recipe.seed)
    lengths = np.array([len(text) for text in make_encoder(recipe, source).canonical(records)])
    unknown = task_class(recipe.task).stand_ins(training, lengths)
    both = Records.join([_plain(training), _plain(_widened(replace(records, labels=unknown), training))])
    both.ids = [str(number) for number in range(len(both))]
    n = len(training)
    later = np.array([role == "validation" for role in training.role] or [False] * n)
    parts = np.flatnonzero(~later), np.flatnonzero(later), np.arange(n, len(both))
    split = Split(*parts, "saved training records and new ones")
    job = job_on(recipe, source, both, split)
    if len(job.records["test"]) < len(records):
        problem = job.prepared.skipped.rows[0][2]
        raise ProgramError(Problem(place, f"records that cannot be predicted ({problem})", "others"))
    return run_baseline(name, baseline_input(job))


def _plain(records: Records) -> Records:
    """Without what only messages need, so that records of two files can be joined."""
    n = len(records)
    return replace(records, role=[], mask=[], line=[], group=[], title=[], origin=[], notes=(), ids=[""] * n)


def _widened(records: Records, like: Records) -> Records:
    """Windows of a time series with as many steps as others have: those to come are not known yet, NaN."""
    if records.arrays is None or like.arrays is None or records.arrays.dtype.kind != "f":
        return records
    more = max(0, like.arrays.shape[-1] - records.arrays.shape[-1])
    return replace(records, arrays=np.pad(records.arrays, ((0, 0), (0, 0), (0, more)), constant_values=np.nan))


def save(folder: Path, members: tuple[str, ...], training: Records, validation: np.ndarray) -> Saved:
    """Write the predictor; the training records as well where a baseline is among its members.

    validation: indices of the training records that baselines are given as their validation part.

    Media files are not copied: their names are kept, and they must stay where they are.
    """
    facts: dict[str, Any] = {"format_version": FORMAT_VERSION, "members": list(members)}
    if members != ("program",):
        role = ["validation" if later else "train" for later in np.isin(np.arange(len(training)), validation)]
        plain = replace(training, arrays=None, role=role)
        kept = {key: value for key, value in asdict(plain).items() if key != "arrays"}
        write_json(folder / TRAINING, kept)
        facts["training_sha256"] = json_sha256(kept)
        if training.arrays is not None:
            write_array(folder / ARRAYS, training.arrays)
    write_json(folder / FILE, {**facts, "sha256": json_sha256(facts)})
    return Saved(folder, members)


def read_training(folder: Path) -> Records:
    """The training records of a saved baseline. Raises ProgramError where they are not as written."""
    try:
        kept = json.loads((folder / TRAINING).read_text(encoding="utf-8"))
        facts = json.loads((folder / FILE).read_text(encoding="utf-8"))
        if json_sha256(kept) != facts["training_sha256"]:
            raise ValueError("a file that was changed")
        arrays = np.load(folder / ARRAYS, allow_pickle=False) if (folder / ARRAYS).is_file() else None
        lists: dict[str, Any] = {
            key: tuple(value) if key in ("columns", "header", "notes") else value for key, value in kept.items()
        }
        return Records(**lists, arrays=arrays)
    except (OSError, ValueError, KeyError, TypeError, EOFError, SyntaxError, RecursionError) as error:
        raise ProgramError(Problem(str(folder / TRAINING), f"no training records ({error})", _WRITTEN)) from error


_WRITTEN = "what `xmr auto` wrote"


def load_saved(folder: Path) -> Saved | None:
    """The predictor in a folder; None where there is none. Raises ProgramError for a damaged one."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        whole = facts.pop("sha256") == json_sha256(facts) and facts["format_version"] == FORMAT_VERSION
        members = tuple(facts["members"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProgramError(Problem(str(path), f"a damaged file ({error})", _WRITTEN)) from error
    named = all(isinstance(member, str) and re.fullmatch(r"(program:)?\w+", member) for member in members)
    if not whole or not members or not named:
        raise ProgramError(Problem(str(path), "a file that was changed, or of another version", _WRITTEN))
    return Saved(folder, members)
