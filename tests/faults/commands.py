"""The commands that write, each on a tiny task: how it is begun, gone on with, and what must come out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from xmr.cli.app import execute

RECIPE = """task: classification
seed: {seed}
data: {{path: {path}, split: {{by: random, test: 0.3, validation: 0.3}}}}
encoder: {{name: protein}}
source: {{name: identity, width: 8, vocabulary: 32, max_length: 64}}
transform: {{name: free_embedding}}
output: {{name: linear}}
training: {{epochs: 2, min_steps: 1, learning_rate: 0.01, batch_tokens: 64}}
baselines: [{baselines}]
"""
_COSTS = {"seconds", "peak_memory_mib", "train_seconds", "training seconds", "predicted a second", "peak memory MiB"}
_COSTS |= {name.replace(" ", "_") for name in _COSTS}
LEFT_OVER = ("*.part", "*.part.json", ".new", ".done", "checkpoint", ".incoming*")


def sequences(n: int = 24, bad: bool = False) -> str:
    """A table of sequences; bad: two that cannot be read."""
    random = Random(3)
    rows = ["".join(random.choices("ACDEFGHIKLMNPQRSTVWY", k=random.randint(4, 9))) for _ in range(n)]
    if bad:
        rows[4], rows[n - 3] = "AC1D", ""
    return "id,sequence,label\n" + "".join(f"p{i},{row},{'ab'[i // 2 % 2]}\n" for i, row in enumerate(rows))


class Command(ABC):
    """Something that writes below `out`. home: a folder of its own, the same for the undisturbed and for every kill,
    since what is written names it."""

    name: ClassVar[str]

    def __init__(self, home: Path) -> None:
        self.home, self.out = home, home / "out"
        home.mkdir(parents=True)
        self.prepare()

    @abstractmethod
    def prepare(self) -> None:
        """Once: the input."""

    def begin(self) -> None:
        """The state before the command: nothing."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()

    @abstractmethod
    def go(self, again: bool) -> int:
        """Run it, or go on with what a kill left -> exit status."""

    @abstractmethod
    def result(self) -> str:
        """A digest of what was written, without times and memory. Raises AssertionError for leftovers."""

    def no_leftovers(self) -> None:
        """Nothing hidden or half done stays."""
        left = [str(path.relative_to(self.out)) for name in LEFT_OVER for path in self.out.rglob(name)]
        assert not left, f"left over: {left}"


def plain(value: Any) -> Any:
    """JSON without what differs from run to run: times and memory."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if key not in _COSTS}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def digest(parts: dict[str, bytes | str]) -> str:
    """Of named contents, each apart: a difference says where it is."""
    return json.dumps(
        {
            name: hashlib.sha256(held if isinstance(held, bytes) else held.encode()).hexdigest()[:16]
            for name, held in parts.items()
        },
        sort_keys=True,
    )


def of_run(folder: Path) -> dict[str, bytes | str]:
    """What a finished run holds."""
    names = ("recipe.yaml", "predictions.csv", "history.csv", "skipped.csv")
    held: dict[str, bytes | str] = {name: (folder / name).read_bytes() for name in names}
    held |= {path.name: path.read_bytes() for path in sorted((folder / "program").iterdir())}
    held["metrics.json"] = json.dumps(plain(json.loads((folder / "metrics.json").read_text())))
    assert (folder / "report.html").stat().st_size > 10_000
    return held


class Run(Command):
    """`xmr run`, then `--resume`."""

    name = "run"

    def prepare(self) -> None:
        """See `Command`."""
        (self.home / "x.csv").write_text(sequences())
        for seed in (0, 1):
            text = RECIPE.format(path=self.home / "x.csv", seed=seed, baselines="majority, length_only")
            (self.home / f"r{seed}.yaml").write_text(text)

    def go(self, again: bool) -> int:
        """See `Command`."""
        more = ["--resume"] if again else []
        return execute(
            ["run", str(self.home / "r0.yaml"), "-o", str(self.out / "run"), "--quiet", "--device", "cpu", *more]
        )

    def result(self) -> str:
        """See `Command`."""
        self.no_leftovers()
        return digest(of_run(self.out / "run"))


class Force(Run):
    """`xmr run --force` over a finished run of another recipe, then `--resume`."""

    name = "run --force"

    def prepare(self) -> None:
        """See `Command`."""
        super().prepare()
        old = self.home / "old"
        assert not execute(["run", str(self.home / "r1.yaml"), "-o", str(old), "--quiet", "--device", "cpu"])

    def begin(self) -> None:
        """See `Command`."""
        super().begin()
        shutil.copytree(self.home / "old", self.out / "run")
        (self.out / "run" / "mine.txt").write_text("not xmr's")

    def go(self, again: bool) -> int:
        """See `Command`. A kill before the new run has begun leaves the old one, which only --force replaces."""
        place = str(self.out / "run")
        asked = ["run", str(self.home / "r0.yaml"), "-o", place, "--quiet", "--device", "cpu"]
        if again:
            status = execute([*asked, "--resume"])
            if status != 2:
                return status
            assert (self.out / "run" / "metrics.json").is_file(), "the old run is gone and the new one not there"
        return execute([*asked, "--force"])

    def result(self) -> str:
        """See `Command`."""
        assert (self.out / "run" / "mine.txt").read_text() == "not xmr's"
        return super().result()


class Predict(Command):
    """`xmr predict` in several chunks, two records skipped."""

    name = "predict"

    def prepare(self) -> None:
        """See `Command`."""
        (self.home / "x.csv").write_text(sequences())
        (self.home / "r.yaml").write_text(RECIPE.format(path=self.home / "x.csv", seed=0, baselines=""))
        assert not execute(
            ["run", str(self.home / "r.yaml"), "-o", str(self.home / "run"), "--quiet", "--device", "cpu"]
        )
        (self.home / "many.csv").write_text(sequences(40, bad=True))

    def go(self, again: bool) -> int:
        """See `Command`. In chunks of seven, which the command line does not offer."""
        from xmr.commands.predict import predict_file

        target = self.out / "answers.csv"
        predict_file(self.home / "run", self.home / "many.csv", target, on_error="skip", device="cpu", chunk=7)
        return 0

    def result(self) -> str:
        """See `Command`."""
        self.no_leftovers()
        names = ("answers.csv", "answers.csv.skipped.csv")
        return digest({name: (self.out / name).read_bytes() for name in names})


class Compare(Run):
    """`xmr compare` with one control."""

    name = "compare"

    def go(self, again: bool) -> int:
        """See `Command`."""
        recipe, place = str(self.home / "r0.yaml"), str(self.out / "compare")
        without = [option for name in self.left_out(recipe) for option in ("--skip", name)]
        return execute(["compare", recipe, "baselines=[majority]", "--seeds", "1", "-o", place, *without])

    def left_out(self, recipe: str) -> list[str]:
        """All but one control and one baseline."""
        from xmr.commands.compare.compare import compared_baselines
        from xmr.commands.controls import controls
        from xmr.recipe.load import load_recipe

        loaded = load_recipe(recipe, ["baselines=[majority]"])
        return [
            name
            for name in (*controls(loaded), *compared_baselines(loaded))
            if name not in ("shuffled labels", "majority")
        ]

    def result(self) -> str:
        """See `Command`."""
        self.no_leftovers()
        folder = self.out / "compare"
        assert (folder / "compare.html").stat().st_size > 1000
        held = json.dumps(plain(json.loads((folder / "compare.json").read_text())))
        rows = [line.split(",")[:7] for line in (folder / "compare.csv").read_text().splitlines()]
        return digest({"compare.json": held, "compare.csv": json.dumps(rows)})


class Sweep(Run):
    """`xmr sweep` over two learning rates."""

    name = "sweep"

    def go(self, again: bool) -> int:
        """See `Command`."""
        values = "training.learning_rate=0.01,0.03"
        return execute(["sweep", str(self.home / "r0.yaml"), values, "-o", str(self.out / "sweep")])

    def result(self) -> str:
        """See `Command`."""
        self.no_leftovers()
        folder = self.out / "sweep"
        assert (folder / "sweep.svg").stat().st_size > 1000
        held = json.dumps(plain(json.loads((folder / "sweep.json").read_text())))
        rows = [line.split(",")[:3] for line in (folder / "sweep.csv").read_text().splitlines()]
        return digest({"sweep.json": held, "sweep.csv": json.dumps(rows)})


class DataGet(Command):
    """`xmr data get` of a set whose archive is a local file: 12 recordings."""

    name = "data get"

    def prepare(self) -> None:
        """See `Command`."""
        from xmr.data.public.catalog import dataset

        self.archive = self.home / "v.zip"
        with zipfile.ZipFile(self.archive, "w") as made:
            for i in range(12):
                made.writestr(f"fsdd-1/recordings/{i % 4}_theo_{i}.wav", bytes([i]) * 200)
        checksum = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        self.dataset = replace(dataset("fsdd"), archives={"https://example.org/v.zip": checksum})

    def go(self, again: bool) -> int:
        """See `Command`."""
        from xmr.data.public.download import download

        def fetched(address: str, folder: Path) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / "v.zip").open("wb") as handle:
                handle.write(self.archive.read_bytes()[:1000])
                handle.flush()
                os.fsync(handle.fileno())
                handle.write(self.archive.read_bytes()[1000:])
            return folder / "v.zip"

        os.environ.pop("XMR_DATA", None)
        os.environ["XMR_CACHE"] = str(self.out / "cache")
        (self.made,) = download(self.dataset, self.out / "cache", fetched)
        return 0

    def result(self) -> str:
        """See `Command`."""
        self.no_leftovers()
        folder = self.out / "cache" / "audio" / "fsdd"
        files = {path.name: path.read_bytes() for path in sorted(folder.rglob("*.wav"))}
        assert len(files) == 12, f"{len(files)} of 12 recordings"
        return digest({**files})


COMMANDS: tuple[Callable[[Path], Command], ...] = (Run, Force, Predict, Compare, Sweep, DataGet)
