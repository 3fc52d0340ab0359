"""A trained program behind an address: records of its kind in, predictions out."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from xmr.commands.serve.model import ItemError
from xmr.core.component import create
from xmr.core.registry import ENCODERS
from xmr.encoders.base import Encoder
from xmr.errors import Problem, RecipeError
from xmr.program import Program


class ServedProgram:
    """Texts for sequences and molecules, lists of numbers for series, objects by column for tables, files for images
    and audio clips -> probabilities of the classes, or numbers.

    Raises RecipeError for a task with predictions per position or of a future.
    """

    def __init__(self, folder: Path) -> None:
        self.program = Program.load(folder)
        self.name, self.output_names = "program", tuple(self.program.task.names)
        if self.program.task.predicts != "record":
            expected = "a task with one prediction per record; `xmr predict` does the others"
            raise RecipeError(Problem("serve", f"task {self.program.task.name}", expected))

    def read(self, items: list[Any]) -> list[Any]:
        """The items themselves. Raises ItemError for one that is no record the encoder can read."""
        with TemporaryDirectory() as folder:
            encoder = self._reader()
            wrong = encoder.check(encoder.from_json(items, Path(folder)), fitted=True)
        if wrong:
            index = min(wrong)
            raise ItemError(index, wrong[index])
        return items

    def _reader(self) -> Encoder:
        """An encoder of its own for every request: some keep what they have decoded until it is predicted."""
        program = self.program
        made: Encoder = create(ENCODERS, program.encoder.section)
        space = program.source.space
        made.configure(program.transforms[0].capacity(space), space.rate, program.source.tokenize)
        return made.restore(program.encoder.state())

    def answer(self, items: list[Any]) -> np.ndarray:
        """See `ServedModel.answer`: (n, K), as `xmr predict` writes them."""
        with TemporaryDirectory() as folder:
            records = self.program.encoder.from_json(items, Path(folder))
            prediction = self.program.encoder.to_original_units(self.program.predict(records), records)
        return prediction.values
