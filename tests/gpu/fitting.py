"""A tiny job on a device: a program of any cell and output, trained for a few steps."""

from __future__ import annotations

from typing import Any

import torch

from tests.tiny import tiny_source, tiny_vision
from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.program import Program
from xmr.tasks.base import task_class
from xmr.testing.stand_ins import stand_in
from xmr.training.devices import make_accelerator
from xmr.training.loop import History, train
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work

RECORDS, TRAINING = 30, 20
CPU = torch.device("cpu")
SOURCES = {"token": lambda: tiny_source("bert", layers=2), "pixel": tiny_vision, "wave": lambda: stand_in("wave")}


class Job:
    """A program with labelled records."""

    def __init__(
        self,
        device: torch.device = CPU,
        transform: dict[str, Any] | str = "free_embedding",
        output: dict[str, Any] | str = "linear",
        task: str = "classification",
        programs: int = 2,
        **settings: Any,
    ) -> None:
        section = check_section("transform", transform, "")
        entry = TRANSFORMS.entry(section["name"])
        self.source = SOURCES[entry.fact("space")]()
        space = self.source.space
        name = next(each.name for each in ENCODERS if each.fact("emits") == entry.fact("takes"))
        asked = {"name": name, **({"render": True} if section["name"] == "row_text" else {})}
        encoder = create(ENCODERS, check_section("encoder", asked, ""))
        capacity = create(TRANSFORMS, section).capacity(space)
        encoder.configure(min(capacity, 40) if space.rate is None else capacity, space.rate, self.source.tokenize)
        self.records = encoder.example(RECORDS, 0, task)
        targets = task_class(task).fit(self.records)
        parts = section, self.source, check_section("output", output, "")
        self.program = Program.build(encoder.fit(self.records), *parts, targets, programs, 0).to(device)
        self.device = device
        base = {"epochs": 2, "batch_size": 6, "batch_tokens": 150, "learning_rate": 1e-2, "precision": "full"}
        self.settings = TrainingSettings(**{**base, **settings})
        self.training, self.validation = (self._part(range(TRAINING)), self._part(range(TRAINING, RECORDS)))

    def _part(self, rows: range) -> LabelledSet:
        part = self.records.take(rows)
        return LabelledSet(self.program.encoder.encode(part), self.program.task.encode(part), part.ids)

    def work(self) -> Work:
        """The parts of its training."""
        accelerator = make_accelerator(str(self.device))
        return Work(
            self.program, self.training, self.validation, self.settings, 0, self.settings.precision, accelerator
        )

    def fit(self, folder: Any, **more: Any) -> History:
        """Train it."""
        return train(self.program, self.training, self.validation, self.settings, 0, folder, **more)

    def predictions(self) -> torch.Tensor:
        """Of the validation records, (N, R, K)."""
        return self.program.predict_each(self.validation.data)
