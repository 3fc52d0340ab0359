"""Checks of a metric on example records of every task that reports it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from xmr.metrics.base import Metric
from xmr.testing.checks import Checks
from xmr.testing.tasks import TaskChecks


class MetricChecks(Checks):
    """A number, defined for sound predictions, better for right ones than for random ones."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.subject = f"metric {metric.name}"

    @cached_property
    def examples(self) -> list[TaskChecks]:
        """One per task that has label columns."""
        return [checks for name in self.metric.tasks if (checks := TaskChecks(name)).kind.has_labels]

    def check_its_tasks_exist(self) -> None:
        """Else nothing would report it."""
        assert self.metric.tasks, "it names no task"
        assert [TaskChecks(name).kind.name for name in self.metric.tasks] == list(self.metric.tasks)

    def check_it_is_a_number_for_right_and_random_predictions(self) -> None:
        """Finite in both cases."""
        for task, right, random in self._scores():
            assert np.isfinite([right, random]).all(), f"{task}: {right} for right, {random} for random predictions"

    def check_right_predictions_are_better_than_random_ones(self) -> None:
        """In the direction of `higher_is_better`, if it judges predictions."""
        for task, right, random in self._scores() if self.metric.judges else ():
            better = right > random if self.metric.higher_is_better else right < random
            found = f"{task}: {right:.3g} for right and {random:.3g} for random predictions"
            assert better, f"{found}; higher_is_better is {self.metric.higher_is_better}"

    def _scores(self) -> Iterator[tuple[str, float, float]]:
        """Task, the metric of right predictions, and that of random ones."""
        for example in self.examples:
            right = example.task.probabilities(_logits_of(example.target, example)).numpy()
            best, random = (
                example.task.metrics(values, example.target, example.lengths) for values in (right, example.values)
            )
            yield example.name, best[self.metric.name], random[self.metric.name]


def _logits_of(target: Tensor, example: TaskChecks) -> Tensor:
    """Logits whose prediction is the target: (rows, K)."""
    if not target.is_floating_point():
        return 20.0 * torch.nn.functional.one_hot(target, example.task.outputs).float()
    return 20.0 * (2 * target - 1) if example.task.probabilistic else target
