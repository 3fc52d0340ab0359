"""Checks of an output, in a whole program that is trained for a few steps."""

from __future__ import annotations

import copy
import tempfile
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from xmr.core.component import check_section, create
from xmr.core.kinds import EncodedSet
from xmr.core.modules import Modules
from xmr.core.registry import ENCODERS
from xmr.encoders.base import Encoder
from xmr.program import Program
from xmr.sources.base import Source
from xmr.tasks.base import Task, task_class
from xmr.testing.checks import ComponentChecks, assert_all

# The encoder and the transform that stand before a source of each space.
_BEFORE = {"token": ("protein", "free_embedding"), "pixel": ("image", "border"), "wave": ("series", "wave_pattern")}
TOLERANCE = 1e-4


class OutputChecks(ComponentChecks):
    """Shapes, gradients, the source unchanged, merging and saving."""

    def __init__(self, section: dict[str, Any] | str, source: Source, task: str = "classification") -> None:
        super().__init__("output", section)
        self.source, self.task = source, task
        self.checksum = source.checksum()
        self.subject += f", {task}"

    @cached_property
    def program(self) -> Program:
        """Two programs in an ensemble after two epochs, with the gradients of the last step."""
        program, data, target, task = self._built
        optimizer = torch.optim.SGD(program.trained_parameters(), lr=1e-3)
        for epoch in range(2):
            for batch in data.training_batches(8, 400, np.random.default_rng(epoch)):
                wanted = task.batch_targets(target, data, batch)
                loss = task.loss(program.train()(data.batch(batch)), wanted).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                for output in program.outputs:
                    output.update(wanted)
            for output in program.outputs:
                output.on_epoch()
        return program

    @cached_property
    def _built(self) -> tuple[Program, EncodedSet, Tensor, Task]:
        modality, cell = _BEFORE[self.source.space_kind]
        encoder: Encoder = create(ENCODERS, check_section("encoder", modality, "conformance"))
        encoder.configure(30)
        records = encoder.example(20, 3, self.task)
        task = task_class(self.task).fit(records)
        transform = check_section("transform", cell, "conformance")
        program = Program.build(encoder.fit(records), transform, self.source, self.section, task, programs=2, seed=1)
        return program, encoder.encode(records), task.encode(records), task

    @cached_property
    def values(self) -> Tensor:
        """What the trained program predicts: (N, n, K)."""
        return self.program.predict_each(self._built[1])

    def check_it_states_the_task(self) -> None:
        """A recipe with another task is refused."""
        assert self.task in self.component.tasks, f"{self.task} is not among its tasks"

    def check_every_parameter_gets_a_finite_gradient(self) -> None:
        """Its own parameters and those of the transform before it."""
        wrong = [
            name
            for name, each in self.program.named_parameters()
            if each.requires_grad and (each.grad is None or not bool(torch.isfinite(each.grad).all()))
        ]
        assert not wrong, f"no finite gradient reaches {', '.join(wrong)}"

    def check_the_source_does_not_change(self) -> None:
        """Training leaves every weight of the source as it was."""
        assert self.program.source.checksum() == self.checksum, "training changed the source"

    def check_its_predictions_are_finite(self) -> None:
        """No NaN and no infinity."""
        assert bool(torch.isfinite(self.values).all()), "predictions that are not finite"

    def check_probabilities_sum_to_one(self) -> None:
        """Of the classes of a record."""
        task = self._built[3]
        if task.classes:
            sums = self.values.sum(-1)
            assert torch.allclose(sums, torch.ones_like(sums), atol=1e-4), (
                "the probabilities of a record do not sum to one"
            )

    def check_merging_and_saving_keep_the_predictions(self) -> None:
        """As a program folder does."""
        values, data = self.values, self._built[1]
        merged = copy.copy(self.program)
        merged._modules = dict(self.program._modules)
        merged.transforms = Modules(t.merge() for t in self.program.transforms)
        merged.outputs = Modules(o.merge(self.source) for o in self.program.outputs)
        assert torch.allclose(merged.predict_each(data), values, atol=TOLERANCE), "merging changed the predictions"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "outputs.safetensors")
            save_file({key: each.contiguous().clone() for key, each in merged.outputs.state_dict().items()}, path)
            merged.outputs.load_state_dict(load_file(path))
        assert torch.allclose(merged.predict_each(data), values, atol=TOLERANCE), "saving changed the predictions"


def check_output(section: dict[str, Any] | str, source: Source, task: str = "classification") -> None:
    """Run every check of an output behind a source; raises AssertionError that lists all failures."""
    assert_all(OutputChecks(section, source, task))
