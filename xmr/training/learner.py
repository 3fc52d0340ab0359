"""What changes a program: one step on one batch, by gradient or by a search without gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from xmr.core.kinds import Batch
from xmr.program import Program
from xmr.training.optimizer import make_optimizer, parameter_groups, rate_at
from xmr.training.settings import TrainingSettings


@dataclass(frozen=True)
class Trial:
    """One batch, with its augmentation, and the losses that the program as it is now has on it, one per output (N,)."""

    encoded: Batch
    losses: Callable[[], Tensor]


class Learner(ABC):
    """Changes the program step by step; its state is in tensors."""

    evaluations: int = 1  # of the program per step

    @abstractmethod
    def step(self, trial: Trial, step: int) -> Tensor:
        """Change the program. Returns the mean loss over programs, which may still be computed."""

    @abstractmethod
    def tensors(self) -> dict[str, Tensor]:
        """What a resumed training needs besides the program, under names that begin with `optimizer.`."""

    @abstractmethod
    def restore(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `tensors`; others among them are ignored. The program is restored already."""


class GradientLearner(Learner):
    """AdamW, Adam or SGD. Gradients are clipped separately for each program.

    outputs_only: the transforms are searched, and only the outputs learn by gradient.
    """

    def __init__(
        self, program: Program, settings: TrainingSettings, steps: int, accelerator: Any, outputs_only: bool = False
    ) -> None:
        self.settings, self.steps, self.accelerator = settings, steps, accelerator
        self.parts = [*([] if outputs_only else program.transforms), *program.outputs]
        self.optimizer = make_optimizer(settings, parameter_groups(program, settings, outputs_only))
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.members = list(program.members())

    def step(self, trial: Trial, step: int) -> Tensor:
        """See `Learner.step`."""
        losses = trial.losses()
        self.descend(losses, step)
        return losses.detach().mean()

    def descend(self, losses: Tensor, step: int) -> None:
        """One optimizer step for the losses of all programs, (N,)."""
        share = rate_at(step, self.steps, self.settings)
        for group, rate in zip(self.optimizer.param_groups, self.rates):
            group["lr"] = rate * share
        total = losses.sum()
        for part in self.parts:
            regularization = part.regularization()
            total = total if regularization is None else total + regularization
        self.optimizer.zero_grad(set_to_none=True)
        self.accelerator.backward(total)
        for member in self.members:
            held = [p for p in member if p.grad is not None]
            if self.accelerator.num_processes > 1:
                for parameter in held:
                    parameter.grad = self.accelerator.reduce(parameter.grad, reduction="mean")
            if self.settings.max_grad_norm is not None:
                nn.utils.clip_grad_norm_(held, self.settings.max_grad_norm)
        self.optimizer.step()

    def tensors(self) -> dict[str, Tensor]:
        """The optimizer's moments and step counts, by parameter number."""
        return {
            f"optimizer.{index}.{name}": torch.as_tensor(value).detach().cpu().clone()
            for index, state in self.optimizer.state_dict()["state"].items()
            for name, value in state.items()
            if value is not None
        }

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `Learner.restore`."""
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            begin, _, rest = key.partition(".")
            index, _, name = rest.partition(".")
            if begin == "optimizer" and index.isdecimal():
                state.setdefault(int(index), {})[name] = tensor
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})
