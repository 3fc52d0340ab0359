"""The transforms of a program, searched without gradients; an output with parameters of its own still learns by
gradient, from the answers alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from xmr.core.kinds import Batch
from xmr.errors import Problem, RecipeError
from xmr.program import Program
from xmr.training.learner import GradientLearner, Learner, Trial
from xmr.training.settings import TrainingSettings
from xmr.training.zeroth_order.base import Search
from xmr.training.zeroth_order.cma import CMA
from xmr.training.zeroth_order.rgf import RGF
from xmr.training.zeroth_order.settings import SubspaceSettings
from xmr.training.zeroth_order.spsa import SPSA
from xmr.training.zeroth_order.subspaces import make_subspace
from xmr.training.zeroth_order.zip import Zip

RULES: dict[str, type[Search]] = {"rgf": RGF, "spsa": SPSA, "zip": Zip, "cma": CMA}
USUAL = {"zip": SubspaceSettings(kind="low_rank"), "cma": SubspaceSettings(kind="random", size=48)}
LEVEL = 1 / 255


class SearchLearner(Learner):
    """theta = theta_0 + A(z) for each program, or for all together where one head reads them all; z is searched.

    affordable: from the number of losses per step to the number of steps. Raises RecipeError for a transform without
    parameters.
    """

    def __init__(
        self,
        program: Program,
        settings: TrainingSettings,
        seed: int,
        affordable: Callable[[int], int],
        accelerator: Any = None,
    ) -> None:
        self.program, self.accelerator = program, accelerator
        name = settings.optimizer
        each = [[p for p in transform.parameters() if p.requires_grad] for transform in program.transforms]
        self.groups = each if len(program.outputs) == len(each) else [[p for held in each for p in held]]
        if not all(self.groups):
            found = f"{name!r} for a transform without trainable parameters"
            raise RecipeError(Problem("training.optimizer", found, "adamw, adam or sgd, or training.epochs: 0"))
        space = program.source.space
        shapes, subspace = [p.shape for p in self.groups[0]], settings.subspace or USUAL.get(name)
        self.subspaces = [make_subspace(subspace, shapes, space.pixels, seed, i) for i in range(len(self.groups))]
        self.z = torch.stack([subspace.start() for subspace in self.subspaces])
        self.search = RULES[name](settings.search, self.size, seed, 0, subspace is not None)
        self.evaluations = self.search.evaluations
        self.search.steps = steps = affordable(self.evaluations)
        self.base = [_flat(group) for group in self.groups]  # theta_0
        self.level = torch.zeros(len(self.groups), 1, dtype=torch.float64)
        learns = any(p.requires_grad for p in program.outputs.parameters())
        self.outputs = GradientLearner(program, settings, steps, accelerator, outputs_only=True) if learns else None

    @property
    def size(self) -> int:
        """d, how many numbers are searched for each program."""
        return self.z.shape[1]

    def step(self, trial: Trial, step: int) -> Tensor:
        """See `Learner.step`. The mean is that over all programs that were compared."""
        self._follow_schedules()
        if not bool(self.level.all()):
            self.level = self._shared(self._measured(trial.encoded))
        last, seen = torch.zeros(0), []

        def loss(z: Tensor) -> Tensor:
            """The losses with these numbers, (G, d) -> (G,)."""
            nonlocal last
            self._place(z)
            with torch.set_grad_enabled(self.outputs is not None):
                last = trial.losses()
            value = last.detach().cpu().double()
            for number, transform in enumerate(self.program.transforms):
                added = transform.regularization()
                if added is not None:
                    value[min(number, len(value) - 1)] += added.detach().cpu().double()
            seen.append(self._shared(value))
            return seen[-1]

        try:
            self.z = self.search.step(self.z, self.level, loss, step)
        finally:
            self._place(self.z)
        if self.outputs is not None:
            self.outputs.descend(last, step)
        return torch.stack(seen).mean()

    def tensors(self) -> dict[str, Tensor]:
        """See `Learner.tensors`."""
        held = {"z": self.z, "level": self.level, **{f"search.{k}": v for k, v in self.search.tensors().items()}}
        held |= {f"base.{number}": base for number, base in enumerate(self.base)}
        of_outputs = self.outputs.tensors() if self.outputs is not None else {}
        return {**{f"optimizer.{name}": tensor for name, tensor in held.items()}, **of_outputs}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `Learner.restore`."""
        self.z, self.level = tensors["optimizer.z"], tensors["optimizer.level"]
        self.base = [tensors[f"optimizer.base.{number}"] for number in range(len(self.groups))]
        begin = "optimizer.search."
        self.search.restore({k.removeprefix(begin): v for k, v in tensors.items() if k.startswith(begin)})
        if self.outputs is not None:
            self.outputs.restore(tensors)

    def _shared(self, values: Tensor) -> Tensor:
        """The mean over the processes of a run, each of which has batches of its own."""
        if self.accelerator.num_processes == 1:
            return values
        return self.accelerator.reduce(values.to(self.program.device), reduction="mean").cpu()

    def _theta(self, z: Tensor) -> list[Tensor]:
        return [
            (base + subspace.change(numbers)).float() for base, subspace, numbers in zip(self.base, self.subspaces, z)
        ]

    @torch.no_grad()
    def _place(self, z: Tensor) -> None:
        """Give the transforms theta_0 + A(z)."""
        for group, theta in zip(self.groups, self._theta(z)):
            for parameter, part in zip(group, theta.split([p.numel() for p in group])):
                parameter.copy_(part.view_as(parameter))

    def _follow_schedules(self) -> None:
        """Where a transform has changed its parameters itself (between epochs), the search continues from there."""
        for number, (group, theta) in enumerate(zip(self.groups, self._theta(self.z))):
            moved = _flat(group) - theta.double()
            if bool(moved.any()):
                self.base[number] = self.base[number] + moved

    @torch.no_grad()
    def _measured(self, encoded: Batch) -> Tensor:
        """The root mean square of a change of z that changes the source's input by one level: (G, 1).

        Raises RecipeError where no change of the parameters changes it.
        """
        before = self._inputs(encoded)
        generator = torch.Generator().manual_seed(0)
        signs = torch.randint(0, 2, self.z.shape, generator=generator).double() * 2 - 1
        self._place(self.z + LEVEL * signs)
        changes = [rms(one - other) for one, other in zip(self._inputs(encoded), before)]
        self._place(self.z)
        images = self.program.source.space.pixels is not None
        units = [1.0 if images else rms(one) for one in before]
        if not all(changes):
            expected = "a transform whose parameters change what the source receives"
            raise RecipeError(Problem("training.optimizer", "parameters without effect at the start", expected))
        return torch.tensor([[LEVEL * LEVEL * unit / change] for unit, change in zip(units, changes)]).double()

    def _inputs(self, encoded: Batch) -> list[Tensor]:
        """What the source receives from each group of transforms, images in [0, 1]."""
        space, found = self.program.source.space, []
        for transform in self.program.transforms:
            made = transform(encoded)
            images = made.images(space)
            found.append((made.values() if images is None else images).double())
        return found if len(found) == len(self.groups) else [torch.stack(found)]


def rms(values: Tensor) -> float:
    """The root mean square."""
    return float(values.square().mean().sqrt())


def _flat(group: list[Any]) -> Tensor:
    """All parameters as one vector, in float64 on the CPU."""
    return torch.cat([p.detach().flatten() for p in group]).double().cpu()
