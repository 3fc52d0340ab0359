"""Checks of a task: labels to targets, loss, metrics and the table of predictions."""

from __future__ import annotations

import json
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from xmr.core.prediction import Prediction
from xmr.core.registry import TASKS
from xmr.data.records import Records
from xmr.tasks.base import Task, restore_task, task_class
from xmr.testing.checks import Checks

RECORDS, POSITIONS = 24, 5


class TaskChecks(Checks):
    """What a task must answer for. Tasks without label columns are not checked beyond their facts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.kind = task_class(name)
        self.subject = f"task {name}"

    @cached_property
    def records(self) -> Records:
        """Records with the task's own example labels."""
        rng = np.random.default_rng(0)
        scores = rng.standard_normal(RECORDS)
        letters = ["".join("HEC"[i] for i in rng.integers(0, 3, POSITIONS)) for _ in range(RECORDS)]
        texts = ["".join("ACDEFG"[i] for i in rng.integers(0, 6, POSITIONS)) for _ in range(RECORDS)]
        return Records.of(texts, self.kind.example_labels(scores.tolist(), (scores > 0.5).tolist(), letters))

    @cached_property
    def task(self) -> Task:
        """Fitted on them."""
        return self.kind.fit(self.records)

    @cached_property
    def target(self) -> Tensor:
        """Their targets."""
        return self.task.encode(self.records)

    @cached_property
    def values(self) -> np.ndarray:
        """Predictions of random logits: (rows, K)."""
        return self.task.probabilities(self._logits()[0].detach()).numpy()

    def _logits(self) -> Tensor:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(2, len(self.target), self.task.outputs, generator=generator).requires_grad_()

    def check_the_registry_and_the_class_agree(self) -> None:
        """The name of the class is the one in recipes."""
        assert self.kind.name == self.name, f"registered as {self.name!r}, the class is called {self.kind.name!r}"
        assert self.name in TASKS.names()

    def check_its_example_labels_are_readable(self) -> None:
        """`check_labels` finds nothing wrong in `example_labels`."""
        wrong = {**self.kind.check_labels(self.records), **self.task.check(self.records)} if self._labelled else {}
        assert not wrong, f"its own example labels are refused: {wrong}"

    def check_the_loss_is_finite_and_has_a_gradient(self) -> None:
        """One value per program."""
        if self._labelled:
            logits = self._logits()
            target = self.target
            if self.kind.per_position:  # laid out like a batch of records of one length
                logits = logits.detach().view(2, RECORDS, POSITIONS, -1).requires_grad_()
                target = target.view(RECORDS, POSITIONS)
            loss = self.task.loss(logits, target)
            assert loss.shape == (2,), f"a loss of shape {tuple(loss.shape)} for two programs; expected (2,)"
            loss.sum().backward()
            assert bool(torch.isfinite(loss).all()), "a loss that is not finite"
            reached = logits.grad is not None and bool((logits.grad != 0).any())
            assert reached, "no gradient reaches the logits"

    def check_its_main_metric_is_a_number(self) -> None:
        """`metrics` has it, and it is finite."""
        if self._labelled:
            found = self.task.metrics(self.values, self.target, self.lengths)
            assert self.task.main_metric in found, f"metrics has no {self.task.main_metric!r}, only {', '.join(found)}"
            assert np.isfinite(found[self.task.main_metric]), f"{self.task.main_metric} is not a number"

    def check_its_table_has_a_row_per_record(self) -> None:
        """As many cells as columns, and a header it recognizes."""
        if self._labelled:
            prediction = Prediction(self.records.ids, self.values, np.zeros_like(self.values), self.lengths)
            header, rows = self.task.table(prediction)
            assert len(rows) == RECORDS, f"{len(rows)} rows of {RECORDS} records"
            assert {len(row) for row in rows} == {len(header)}, "rows of another length than the header"
            assert self.kind.is_header(header), "is_header does not recognize the header of its own table"

    def check_the_state_survives_saving(self) -> None:
        """A task restored from JSON is equal."""
        if self._labelled:
            again = restore_task(json.loads(json.dumps(self.task.state())))
            assert again == self.task, "a task restored from its state differs"

    @property
    def lengths(self) -> np.ndarray | None:
        """Positions of each record, where every position has a target."""
        return np.full(RECORDS, POSITIONS) if self.kind.per_position else None

    @property
    def _labelled(self) -> bool:
        return self.kind.has_labels
