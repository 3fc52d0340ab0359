"""The two ways of a user's file: into training, and through a saved program. All but the file is loaded once."""

from __future__ import annotations

import csv
import hashlib
import math
from pathlib import Path
from typing import Any, Literal

import torch

from tests.fuzz.outcome import SilentError
from xmr.commands.predict import predict_file
from xmr.core.component import create
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.data.columns import Columns
from xmr.data.readers.read import stream
from xmr.job import assemble, load_job
from xmr.program_folder import reader_of
from xmr.recipe.recipe import Recipe, check_recipe

Way = Literal["train", "predict", "skip"]
WAYS: tuple[Way, ...] = ("train", "predict", "skip")
ENOUGH = {
    "protein": {"transform": "free_embedding", "output": "linear"},
    "table": {"transform": "feature_tokens", "output": "linear"},
    "series": {"transform": "signal_patches", "output": "linear"},
    "audio": {"transform": "signal_patches", "output": "linear"},
    "image": {"transform": "patch_projection", "output": "linear"},
    "forecast": {"transform": "signal_patches", "output": "forecast"},
}


def recipe_of(path: Path, encoder: dict[str, Any], data: dict[str, Any], **more: Any) -> Recipe:
    """The smallest recipe there is: no source, a class by default."""
    name = encoder["name"]
    parts: dict[str, Any] = {part: {"name": chosen} for part, chosen in ENOUGH[name].items()}
    parts["output"] |= {"width": 2} if name == "forecast" else {}
    raw = {
        "task": "forecasting" if name == "forecast" else "classification",
        "data": {"path": str(path), "split": {"by": "random", "test": 0.3, "validation": 0}, **data},
        "encoder": encoder,
        "source": {"name": "identity", "width": 8, "vocabulary": 32, "max_length": 128},
        **parts,
        "training": {"epochs": 1, "min_steps": 1},
        **more,
    }
    return check_recipe(raw, lambda field: ".".join(map(str, field)))


class Ways:
    """A recipe and the program made of a valid file. folder: where the program is saved."""

    def __init__(self, recipe: Recipe, folder: Path) -> None:
        self.recipe, self.folder = recipe, folder
        job = load_job(recipe)
        self.source = job.source
        job.program.save(folder / "program")

    def go(self, way: Way, path: Path) -> str:
        """A digest of all that was read and answered."""
        return self.train(path) if way == "train" else self.predict(path, "skip" if way == "skip" else "fail")

    def train(self, path: Path) -> str:
        """Read, check, clean, split, fit, encode, and answer the test part by an untrained program."""
        recipe = self.recipe.model_copy(update={"data": self.recipe.data.model_copy(update={"path": str(path)})})
        encoder = create(ENCODERS, recipe.encoder)
        encoder.configure(
            create(TRANSFORMS, recipe.transform).capacity(self.source.space),
            self.source.space.rate,
            self.source.tokenize,
        )
        prepared = encoder.prepare(recipe.data, recipe.task, recipe.seed)
        job = assemble(recipe, encoder, self.source, prepared)
        digest = hashlib.sha256()
        for name, part in job.records.items():
            values = job.program.predict_each(job.sets[name].data)
            if not bool(torch.isfinite(values).all()):
                raise SilentError("answers that are not finite", name)
            digest.update(repr((part.ids, list(part.labels.values()), part.role, part.group)).encode())
            digest.update(values.numpy().tobytes())
        digest.update(repr(job.encoder.state()).encode())
        return digest.hexdigest()

    def predict(self, path: Path, on_error: Literal["fail", "skip"]) -> str:
        """Through a saved program into a CSV file, which must hold every record once, in order, and finite numbers."""
        target = path.parent / "answers.csv"
        done = predict_file(self.folder, path, target, on_error=on_error, force=True, device="cpu", chunk=5)
        rows = finite_rows(target)
        if len(rows) != done.written:
            raise SilentError("another number of rows than reported", f"{len(rows)} for {done.written}")
        if self.recipe.task != "forecasting":
            self._nothing_lost(path, [row[0] for row in rows], done.skipped)
        return hashlib.sha256(target.read_bytes()).hexdigest()

    def _nothing_lost(self, path: Path, answered: list[str], skipped: int) -> None:
        _, columns = reader_of(self.folder, Columns(need_target=False))
        ids = [name for part in stream(path, columns, 4096) for name in part.ids]
        if len(ids) != len(answered) + skipped:
            raise SilentError("records lost", f"{len(ids)} read, {len(answered)} answered, {skipped} skipped")
        places = iter(ids)
        if not all(name in places for name in answered):
            raise SilentError("records in another order", "")


def finite_rows(target: Path) -> list[list[str]]:
    """The rows of a prediction. Raises SilentError for numbers that are not finite, and for cells too many or few."""
    with target.open(newline="", encoding="utf-8", errors="surrogateescape") as handle:
        header, *rows = csv.reader(handle)
    first = header.index("predicted") + 1 if "predicted" in header else 1
    first -= header[-1] == "std"  # regression: what is predicted is a number
    for row in rows:
        if len(row) != len(header) or not all(math.isfinite(float(text)) for text in row[first:]):
            raise SilentError("answers that are not finite", ",".join(row)[:200])
    return rows
