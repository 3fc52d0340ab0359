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
from xmr.errors import InputError, Problem, RecipeError
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
        """The items themselves: `answer` reads those of many requests at once."""
        return items

    def answer(self, items: list[Any]) -> np.ndarray:
        """See `ServedModel.answer`: (n, K), as `xmr predict` writes them."""
        encoder = self.program.encoder
        with TemporaryDirectory() as folder:
            try:
                records = encoder.from_json(items, Path(folder))
                wrong = encoder.check(records, fitted=True)
            except (InputError, ValueError, TypeError) as error:
                raise ItemError(None, str(error)) from error
            if wrong:
                self._forget()
                raise ItemError(min(wrong), wrong[min(wrong)])
            return encoder.to_original_units(self.program.predict(records), records).values

    def _forget(self) -> None:
        """Another encoder for one that may keep what it has decoded until it is predicted."""
        program = self.program
        made: Encoder = create(ENCODERS, program.encoder.section)
        space = program.source.space
        made.configure(program.transforms[0].capacity(space), space.rate, program.source.tokenize)
        program.encoder = made.restore(program.encoder.state())
