"""Stopped predictions: their notes and parts, damaged; what goes on must give the undisturbed answers."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from random import Random
from typing import Literal

from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.readers.folders import write_tree
from tests.fuzz.readers.saved import damaged, other_kind
from tests.fuzz.readers.sequences import Delimited
from tests.fuzz.ways import Ways, recipe_of
from xmr.commands.predict import predict_file

CHUNK = 3


class StoppedError(Exception):
    """In place of a kill."""


class Predictions(Reader):
    """Of sequences, with records that are skipped or without, stopped after one, two or three chunks."""

    name = "predictions"

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        seed = Delimited().seeds()[1]
        home = folder / "of"
        home.mkdir()
        path = home / "whole.csv"
        path.write_bytes(seed.content)
        Ways(recipe_of(path, seed.encoder, seed.data), home)
        self.program = home
        self.sources = {"whole": path, "some": home / "some.csv"}
        lines = seed.content.split(b"\n")
        lines[3] = b"bad,AC1D,a,train"
        lines[9] = b"bad2,,a,train"
        self.sources["some"].write_bytes(b"\n".join(lines))
        self.answers: dict[str, str] = {}
        self.stopped: dict[tuple[str, int], dict[str, bytes]] = {}
        for name in self.sources:
            (folder / f"{name}-whole").mkdir()
            self.answers[name] = self._go_on(name, folder / f"{name}-whole")
            for after in (1, 2, 3):
                place = folder / f"{name}-{after}"
                place.mkdir()
                self._begin(name, place, after)
                self.stopped[name, after] = {file.name: file.read_bytes() for file in sorted(place.iterdir())}
                chunks: list[int] = []
                shutil.copytree(place, folder / f"{name}-{after}-again")
                found = self._go_on(name, folder / f"{name}-{after}-again", chunks)
                assert found == self.answers[name]
                assert len(chunks) == 5 - after, f"a stopped prediction began anew: {chunks}"

    def _begin(self, name: str, folder: Path, after: int) -> None:
        left = after

        def report(n: int, rate: float) -> None:
            nonlocal left
            left -= 1
            if not left:
                raise StoppedError

        try:
            self._predict(name, folder, report)
        except StoppedError:
            return
        raise AssertionError("it ended before it was stopped")

    def _predict(self, name: str, folder: Path, report) -> None:  # type: ignore[no-untyped-def]
        mode: Literal["fail", "skip"] = "skip" if name == "some" else "fail"
        target = folder / "answers.csv"
        predict_file(self.program, self.sources[name], target, on_error=mode, device="cpu", chunk=CHUNK, report=report)

    def _go_on(self, name: str, folder: Path, chunks: list[int] | None = None) -> str:
        self._predict(name, folder, lambda n, rate: chunks.append(n) if chunks is not None else None)
        skipped = folder / "answers.csv.skipped.csv"
        digest = hashlib.sha256((folder / "answers.csv").read_bytes())
        digest.update(skipped.read_bytes() if skipped.is_file() else b"none")
        return digest.hexdigest()

    def damage(self, random: Random, folder: Path) -> Case:
        """The note or the part, by bytes or by fields; or those of another prediction."""
        (name, after), files = random.choice(list(self.stopped.items()))
        files, done, harmless = dict(files), [f"{name} after {after}"], random.random() < HARMLESS
        target = folder / "out"
        if not harmless and random.random() < 0.92:
            file = random.choice(list(files))
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
                done.append(other_kind(random, target / random.choice(list(files))))
        names = ("answers.csv", ".part")
        return Case(target, names, self.answers[name], harmless, (name,), ", ".join(done))

    def read(self, case: Case) -> str:
        """See `Reader`."""
        return self._go_on(case.how[0], case.path)
