"""The folder of one run: which files are its own, when it is finished, and how a new run takes an old one's place.

With `--force` the new run is written into the hidden folder `.new` inside, and its files replace the old ones only when
it is finished; a kill in between loses neither. metrics.json is written as soon as there is a test result, with
`"finished": false` until baselines and report are there too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xmr.core.output_folder import held
from xmr.errors import Problem, ProgramError
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe

_NEW, _DONE = ".new", ".done"
_OWN = (
    ("checkpoint/baselines", ("*.npy", "*.json")),
    ("checkpoint/controls", ("*.npy", "*.json")),
    ("checkpoint/control", ("step-*.safetensors", "step-*.json", "latest")),
    ("checkpoint", ("step-*.safetensors", "step-*.json", "latest")),
    ("program", ("program.safetensors", "encoder.json", "program.json")),
    (
        "",
        (
            "recipe.yaml",
            "predictions.csv",
            "history.csv",
            "mapping.csv",
            "skipped.csv",
            "environment.json",
            "trained_on.npy",
            "answers.sqlite*",  # of a source that only answers, with the log of its writes
            "tested.safetensors",
            "report.html",
            "card.md",
            "metrics.json",  # last: it says that the others are there
        ),
    ),
)


@dataclass(frozen=True)
class RunFolder:
    """folder: what was asked for; work: where the run writes; metrics: those of a finished run that is gone on with."""

    folder: Path
    work: Path
    metrics: dict[str, Any] | None = None

    def finish(self, keep_checkpoint: bool = False) -> None:
        """Remove the checkpoint, and put a run that replaces another in its place."""
        if not keep_checkpoint:
            remove_checkpoint(self.work)
        if self.work != self.folder:
            _replace(self.folder)


@contextmanager
def claimed(folder: Path, recipe: Recipe, resume: bool, force: bool) -> Iterator[RunFolder]:
    """Hold a folder for a run of `recipe`.

    Raises OutputError for a folder that is not xmr's, in use or not writable, and ProgramError where another run is in
    it and neither `resume` (of the same recipe) nor `force` is asked for.
    """
    with held(folder):
        new = folder / _NEW
        for place in (folder, new, folder / _DONE):
            _sweep(place)
        if (folder / _DONE).is_dir() or metrics_of(new).get("finished") is True:  # a kill stopped the exchange
            _replace(folder)
        there = (folder / "recipe.yaml").is_file()
        if force:
            clear(new)
            try:
                yield RunFolder(folder, _made(new) if there else folder)
            finally:
                if not (new / "recipe.yaml").is_file():  # the new data could not be read
                    clear(new)
        elif resume and (new / "recipe.yaml").is_file() and _same(new, recipe):
            yield RunFolder(folder, new)
        elif resume and there:
            if not _same(folder, recipe):
                expected = "the same recipe and overrides as the run to resume, or --force to replace it"
                raise ProgramError(Problem(str(folder / "recipe.yaml"), "another recipe", expected))
            clear(new)
            yield RunFolder(folder, folder, metrics_of(folder) if is_finished(folder) else None)
        elif there or (new / "recipe.yaml").is_file():
            expected = "another folder, --resume to continue, or --force to replace it"
            raise ProgramError(Problem(str(folder), "a run", expected))
        else:
            clear(new)
            yield RunFolder(folder, folder)


def joined(folder: Path) -> RunFolder:
    """The folder as the other processes of a run see it, after the first has claimed it."""
    new = folder / _NEW
    return RunFolder(folder, new if new.is_dir() else folder)


def place_of(work: Path) -> Path:
    """The folder in which a run will lie that writes into `work`."""
    return work.parent if work.name == _NEW else work


def is_finished(folder: Path) -> bool:
    """Whether a folder holds a run with nothing left to do. Runs of version 0.1 wrote metrics.json last."""
    metrics = metrics_of(folder)
    return bool(metrics) and metrics.get("finished", True) is True and "report_error" not in metrics


def own_files(folder: Path) -> list[Path]:
    """The files of a run that are there, metrics.json last. Folders that are links are passed over."""
    return [
        path
        for inner, names in _OWN
        if not (folder / inner).is_symlink()
        for name in names
        for pattern in (f".{name}.*.part", name)  # the first: of a write that a kill stopped
        for path in sorted((folder / inner).glob(pattern))
        if path.is_symlink() or path.is_file()
    ]


def remove_checkpoint(folder: Path, below: str = "checkpoint") -> None:
    """Delete a run's checkpoint, or a folder in it, file by file; what is not the run's stays."""
    _remove(folder, below)


def clear(folder: Path) -> None:
    """Delete what a run wrote into a folder, file by file; what is not the run's stays."""
    _remove(folder, "")
    if folder.name in (_NEW, _DONE):
        _remove_empty(folder)


def metrics_of(folder: Path, name: str = "metrics.json") -> dict[str, Any]:
    """metrics.json, or another file of figures; nothing where it is missing or damaged."""
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _remove(folder: Path, below: str) -> None:
    for path in reversed(own_files(folder)):
        if path.is_relative_to(folder / below):
            path.unlink()
    for inner, _ in _OWN:
        if inner.startswith(below) and inner:
            _remove_empty(folder / inner)


def _remove_empty(folder: Path) -> None:
    with suppress(OSError):  # not there, a link, or not empty: somebody else's files stay
        folder.rmdir()


def _same(folder: Path, recipe: Recipe) -> bool:
    return dump_recipe(load_recipe(folder / "recipe.yaml")) == dump_recipe(recipe)  # as written: nan is not nan


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _replace(folder: Path) -> None:
    """Put the finished run in `.new` in the place of the old one; called again after a kill, it continues.

    The old run goes first; from the rename on, the new one is moved file by file.
    """
    new, done = folder / _NEW, folder / _DONE
    if not done.is_dir():
        clear(folder)
        os.rename(new, done)
    for path in own_files(done):
        place = folder / path.relative_to(done)
        place.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, place)
    clear(done)


def _sweep(folder: Path) -> None:
    """Delete what writes left behind that a kill stopped."""
    for path in own_files(folder):
        if path.suffix == ".part":
            path.unlink(missing_ok=True)
