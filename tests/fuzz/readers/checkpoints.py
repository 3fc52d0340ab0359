"""Stopped runs: what their folders hold, damaged; what is resumed must give the undisturbed program and answers."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.readers.folders import write_tree
from tests.fuzz.readers.saved import damaged, other_kind
from tests.fuzz.readers.sequences import Delimited
from tests.fuzz.ways import recipe_of
from xmr.commands import run as run_command
from xmr.recipe.recipe import Recipe

SAME = ("program/program.safetensors", "predictions.csv", "history.csv")


class StoppedError(Exception):
    """In place of a kill."""


@contextmanager
def without_report() -> Iterator[None]:
    """A run without its report and its intervals, which take most of a tiny run's time and read no checkpoint."""
    with mock.patch.object(run_command, "write_report"), mock.patch("xmr.tasks.base.bootstrap", return_value={}):
        yield


class Checkpoints(Reader):
    """A run with a mapping that counts, and an ordinary one with a baseline; stopped in training or after it."""

    name = "checkpoints"

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        seed = Delimited().seeds()[1]
        path = folder / "x.csv"
        path.write_bytes(seed.content)
        training = {"epochs": 3, "min_steps": 1, "learning_rate": 0.01, "batch_tokens": 64}
        more: dict[str, dict[str, Any]] = {
            "plain": {"baselines": ["majority"]},
            "mapping": {"output": {"name": "bayesian_plus_mapping"}, "ensemble": 2},
        }
        self.recipes: dict[str, Recipe] = {}
        self.answers: dict[str, str] = {}
        self.stopped: dict[tuple[str, str], dict[str, bytes]] = {}
        with without_report():
            for name, changed in more.items():
                data = {**seed.data, "split": {"by": "random", "test": 0.3, "validation": 0.3}}
                recipe = recipe_of(path, seed.encoder, data, training=training, **changed)
                self.recipes[name] = recipe
                self.answers[name] = self._go_on(name, folder / f"{name}-whole")
                self._stop(name, "training", folder / f"{name}-training")
                self._stop(name, "after", folder / f"{name}-after")

    def _stop(self, name: str, where: str, folder: Path) -> None:
        def report(row: dict[str, Any]) -> None:
            if where == "training" and row["kind"] == "epoch" and row["epoch"] == 3:
                raise StoppedError

        def stop(*_: Any) -> None:
            raise StoppedError

        try:
            if where == "training":
                run_command.run(self.recipes[name], folder, device="cpu", report=report)
            else:
                with mock.patch.object(run_command, "baseline_input", stop):
                    run_command.run(self.recipes[name], folder, device="cpu")
        except StoppedError:
            files = {
                str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()
            }
            self.stopped[name, where] = files
            return
        raise AssertionError("it ended before it was stopped")

    def _go_on(self, name: str, folder: Path) -> str:
        run_command.run(self.recipes[name], folder, device="cpu", resume=True)
        digest = hashlib.sha256()
        for file in SAME:
            digest.update((folder / file).read_bytes())
        return digest.hexdigest()

    def damage(self, random: Random, folder: Path) -> Case:
        """A file of the checkpoint, mostly; another one of the run's; or those of another run."""
        (name, where), files = random.choice(list(self.stopped.items()))
        files, done, harmless = dict(files), [f"{name} {where}"], random.random() < HARMLESS
        target = folder / "run"
        inner = [file for file in files if file.startswith("checkpoint")]
        file = random.choice(inner if random.random() < 0.85 else list(files))
        if not harmless and random.random() < 0.92:
            others = [held[file] for held in self.stopped.values() if file in held]
            if random.random() < 0.05:
                files[file] = random.choice(others)
                done.append(f"{file} of another")
            else:
                files[file], said = damaged(random, file, files[file], others)
                done.append(said)
            write_tree(target, files)
        else:
            write_tree(target, files)
            if not harmless:
                done.append(other_kind(random, target / file))
        names = (Path(file).name, Path(file).stem, str(target))
        return Case(target, names, self.answers[name], harmless, (name,), ", ".join(done))

    def read(self, case: Case) -> str:
        """See `Reader`."""
        with without_report():
            return self._go_on(case.how[0], case.path)
