"""A source of 8 x 8 images that only answers, made for tests: random projections of the pixels, in NumPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import torch

from xmr.core.component import check_section
from xmr.core.spaces import PixelSpace, PooledFeatures
from xmr.data.readers.images import digits
from xmr.encoders.image import ImageEncoder
from xmr.errors import QuestionBudgetError
from xmr.program import Program
from xmr.sources.base import Source
from xmr.tasks.base import task_class
from xmr.training.work import LabelledSet

CLASSES = 30


class OnlyAnswers(Source):
    """Log-probabilities of 30 classes of a random two-layer network; counts the records that it is asked about."""

    space_kind = "pixel"
    gradient: ClassVar[bool] = False

    def __init__(self, budget: int | None = None) -> None:
        super().__init__()
        self.asked = 0
        self.questions = SimpleNamespace(limit=budget, reserved=0, used=lambda: self.asked)

    def load(self, seed: int = 0) -> Self:
        rng = np.random.default_rng(seed)
        self.first, self.second = rng.normal(size=(64, 80)) / 4, rng.normal(size=(80, CLASSES)) / 4
        self.space = PixelSpace(8, 8, (0.0,), (1.0,))
        self.hidden_width = self.own_width = CLASSES
        return self.freeze()

    def forward(self, inputs: Any) -> PooledFeatures:
        assert not inputs.pixels.requires_grad, "its input has no gradient"
        if self.questions.limit is not None and self.asked + len(inputs.pixels) > self.questions.limit:
            raise QuestionBudgetError(f"{self.questions.limit} questions are spent")
        self.asked += len(inputs.pixels)
        pixels = inputs.images(self.space).clamp(0, 1).flatten(1).numpy().astype(np.float64)
        logits = np.tanh(pixels @ self.first) @ self.second * 3
        logp = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return PooledFeatures(torch.from_numpy(logp).float())

    def answers(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden

    @property
    def classes(self) -> int:
        return CLASSES


def digits_program(
    output: str, transform: Any, n: int, programs: int = 1, budget: int | None = None, seed: int = 0
) -> tuple[Program, LabelledSet, LabelledSet]:
    """A program over the source, n training records of scikit-learn's digits, and half as many for validation."""
    source, encoder = OnlyAnswers(budget).load(), ImageEncoder(channels=1)
    records = digits().take(range(n + n // 2))
    task = task_class("classification").fit(records)
    encoder.fit(records)
    sections = check_section("transform", transform, ""), source, check_section("output", output, "")
    program = Program.build(encoder, *sections, task, programs, seed)
    sets = [records.take(range(n)), records.take(range(n, n + n // 2))]
    training, validation = (LabelledSet(encoder.encode(part), task.encode(part)) for part in sets)
    source.questions.reserved = len(training) + len(validation)
    return program, training, validation
