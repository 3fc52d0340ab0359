"""The contract of a search without gradients. G programs (groups of parameters) are searched at once, each by its own
losses.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import torch
from torch import Generator, Tensor

from xmr.training.zeroth_order.settings import SearchSettings

Loss = Callable[[Tensor], Tensor]  # numbers of all programs (G, d) -> their losses on the step's batch (G,)


def seeded(*numbers: int) -> Generator:
    """A generator of its own for a place in the search, named by seed, step ...: nothing of it has to be saved."""
    state = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return Generator().manual_seed(int(state >> np.uint64(1)))


class Search(ABC):
    """One way to move z, (G, d) in float64 on the CPU, by losses alone.

    level: root mean square of the change of z that changes the source's input by one level, (G, 1). All randomness
    depends on the seed and the step. What `step` remembers is in tensors. within: a subspace.
    """

    default_steps: tuple[float, float] = (1.0, 4.0)  # in levels: of all parameters, and in a subspace

    def __init__(self, settings: SearchSettings, d: int, seed: int, steps: int, within: bool = False) -> None:
        self.settings, self.d, self.seed, self.steps = settings, d, seed, steps
        self.size = settings.step or self.default_steps[within]
        self.rate = torch.zeros(0)  # a, (G, 1)

    @property
    @abstractmethod
    def evaluations(self) -> int:
        """Losses per step."""

    @abstractmethod
    def step(self, z: Tensor, level: Tensor, loss: Loss, step: int) -> Tensor:
        """The new z. step: counted from zero."""

    def tensors(self) -> dict[str, Tensor]:
        """What a resumed search needs."""
        return {"rate": self.rate}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """The inverse of `tensors`."""
        self.rate = tensors["rate"]

    def moved(self, z: Tensor, level: Tensor, gradient: Tensor, direction: Tensor, decay: float) -> Tensor:
        """z - decay a direction, where a makes the first nonzero gradient a step of `size` levels.

        Published rates are tied to one parameterization each, and diverge with others.
        """
        norm = gradient.norm(dim=1, keepdim=True)
        first = torch.where(norm > 0, self.size * level * self.d**0.5 / norm.clamp(min=1e-300), 0.0)
        self.rate = torch.where(self.rate > 0, self.rate, first) if len(self.rate) else first
        return z - decay * self.rate * direction
