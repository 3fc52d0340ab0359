"""CMA-ES by the package cma, with random numbers of our own."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xmr.errors import Problem, RecipeError, require
from xmr.training.zeroth_order.base import Loss, Search, seeded
from xmr.training.zeroth_order.settings import SearchSettings

MOST = 200  # numbers: the covariance of d numbers needs about d^2 / 10 losses


class CMA(Search):
    """Samples of a normal distribution, whose mean and covariance follow the best half; its mean is the result.

    The best sample ever evaluated would be that of the easiest batch. A resumed search is repeated from its losses.
    Source: Hansen, arXiv 1604.00772 (pycma). Raises RecipeError for more than 200 numbers.
    """

    default_steps = 24.0, 24.0
    strategies: tuple[Any, ...] = ()  # one for each program, made at the first step
    start = torch.zeros(0)
    level = torch.zeros(0)
    losses = torch.zeros(0)  # of all samples so far: (steps, population, G)

    def __init__(self, settings: SearchSettings, d: int, seed: int, steps: int, within: bool = False) -> None:
        super().__init__(settings, d, seed, steps, within)
        self.package = require("cma", "blackbox", "training.optimizer: cma")
        if not 1 < d <= MOST:
            raise RecipeError(Problem("training.subspace", f"{d:,} numbers to search by cma", f"2 to {MOST} numbers"))

    @property
    def evaluations(self) -> int:
        """See `Search.evaluations`: 4 + floor(3 ln d), if the recipe says nothing."""
        return self.settings.population or 4 + math.floor(3 * math.log(self.d))

    def step(self, z: Tensor, level: Tensor, loss: Loss, step: int) -> Tensor:
        """See `Search.step`: one generation."""
        if not self.strategies:
            self._begin(z, level)
        samples = self._ask(step)
        losses = torch.stack([loss(each) for each in samples])
        self.losses = torch.cat([self.losses, losses[None]]) if len(self.losses) else losses[None]
        return self._tell(samples, losses)

    def tensors(self) -> dict[str, Tensor]:
        """See `Search.tensors`: from where it started, and the losses since."""
        return {"start": self.start, "level": self.level, "losses": self.losses}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `Search.restore`: repeats the search without evaluating anything."""
        self.losses = tensors["losses"]
        if len(tensors["start"]):
            self._begin(tensors["start"], tensors["level"])
        for step, losses in enumerate(self.losses):
            self._tell(self._ask(step), losses)

    def _begin(self, z: Tensor, level: Tensor) -> None:
        self.start, self.level = z.clone(), level.clone()
        fixed = {"popsize": self.evaluations, "verbose": -9, "seed": math.nan, "randn": self._normal}
        self.strategies = tuple(
            self.package.CMAEvolutionStrategy(start.numpy().copy(), float(sigma), fixed)
            for start, sigma in zip(z, self.size * level[:, 0])
        )

    def _normal(self, *shape: int) -> np.ndarray:
        return torch.randn(shape, generator=self._generator, dtype=torch.float64).numpy()

    def _ask(self, step: int) -> Tensor:
        """The samples of a generation, (population, G, d)."""
        asked = []
        for program, strategy in enumerate(self.strategies):
            self._generator = seeded(self.seed, step, program)
            asked.append(np.stack(strategy.ask()))
        return torch.from_numpy(np.stack(asked, axis=1))

    def _tell(self, samples: Tensor, losses: Tensor) -> Tensor:
        """The means that follow from the losses (population, G) of the samples: (G, d)."""
        for program, strategy in enumerate(self.strategies):
            strategy.tell(list(samples[:, program].numpy()), losses[:, program].tolist())
        return torch.from_numpy(np.stack([strategy.mean for strategy in self.strategies]))
