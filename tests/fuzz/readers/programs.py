"""Program folders: whatever loads must answer exactly as the undamaged program.

Folders of format 1 have no checksums: there damage reaches the checks behind them, and what loads must give finite
answers, which may be others.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random

from tests.fuzz.readers.arrays import Arrays
from tests.fuzz.readers.audio import Audio
from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.readers.folders import write_tree
from tests.fuzz.readers.forecast import Forecast
from tests.fuzz.readers.saved import damaged, other_kind
from tests.fuzz.readers.sequences import Delimited
from tests.fuzz.readers.series import Series
from tests.fuzz.readers.tables import Tables
from tests.fuzz.ways import Ways, finite_rows, recipe_of
from xmr.commands.predict import predict_file

FILES = ("program.json", "encoder.json", "program.safetensors")
OLD = 0.5  # share of cases of format 1


class Programs(Reader):
    """Programs for sequences (two, one of an ensemble), a table, series, a forecast, images and audio clips."""

    name = "programs"

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        self.inputs: dict[str, Path] = {}
        self.files: dict[str, dict[str, bytes]] = {}
        self.answers: dict[str, str] = {}
        inputs = [
            (Delimited, 0, {}),
            (Delimited, 1, {"ensemble": 2}),
            (Tables, 0, {}),
            (Series, 0, {}),
            (Forecast, 0, {}),
            (Arrays, 0, {}),
        ]
        for kind, number, more in inputs:
            seed = kind().seeds()[number]
            home = folder / f"{kind.name}-{number}"
            home.mkdir()
            path = home / seed.file
            path.write_bytes(seed.content)
            Ways(recipe_of(path, seed.encoder, seed.data, **more), home)
            self.inputs[home.name] = path
        tree = Audio().trees()[0]
        home = folder / "audio-0"
        write_tree(home / "clips", tree.files)
        Ways(recipe_of(home / "clips", tree.encoder, {}), home)
        self.inputs[home.name] = home / "clips"
        for name, path in self.inputs.items():
            saved = path.parent / "program"
            self.files[name] = {file.name: file.read_bytes() for file in sorted(saved.iterdir())}
            self.answers[name] = self._answers(saved, path, folder)

    def damage(self, random: Random, folder: Path) -> Case:
        """One file of a folder, sometimes two; or the file of another program."""
        name = random.choice(list(self.files))
        files, done = dict(self.files[name]), []
        program = folder / "program"
        harmless, old = random.random() < HARMLESS, random.random() < OLD
        if old:
            facts = json.loads(files["program.json"])
            facts.pop("sha256", None)
            files["program.json"] = json.dumps({**facts, "format_version": 1}, indent=2).encode()
            done.append("format 1")
        if not harmless and random.random() < 0.9:
            for file in random.sample(list(files), random.choice((1, 1, 1, 2))):
                others = [held[file] for held in self.files.values() if file in held]
                if random.random() < 0.06:
                    files[file] = random.choice(others)
                    done.append(f"{file} of another")
                else:
                    files[file], said = damaged(random, file, files[file], others)
                    done.append(said)
            write_tree(program, files)
        else:
            write_tree(program, files)
            if not harmless:
                done.append(other_kind(random, program / random.choice(list(files)), strange=True))
        names = (*FILES, str(program), self.inputs[name].name)
        expected = None if old and not harmless else self.answers[name]
        return Case(program, names, expected, harmless, (name,), f"{name}: {', '.join(done)}")

    def read(self, case: Case) -> str:
        """See `Reader`."""
        return self._answers(case.path, self.inputs[case.how[0]], case.path.parent)

    def _answers(self, program: Path, path: Path, folder: Path) -> str:
        target = folder / "answers.csv"
        predict_file(program, path, target, force=True, device="cpu")
        finite_rows(target)
        digest = hashlib.sha256(target.read_bytes()).hexdigest()
        target.unlink()
        return digest
