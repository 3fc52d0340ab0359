"""Simultaneous perturbation with a look-ahead, as in BlackVIP."""

from __future__ import annotations

import torch
from torch import Tensor

from xmr.training.zeroth_order.base import Loss, Search, seeded


def two_sided(plus: Tensor, minus: Tensor, directions: Tensor, c: Tensor) -> Tensor:
    """The mean over directions of (L(z + c D) - L(z - c D)) / (2 c D): (G, d).

    plus, minus: (q, G); directions: D, (q, G, d), no entry zero; c: (G, 1).
    """
    return ((plus - minus)[..., None] / (2 * c * directions)).mean(dim=0)


class SPSA(Search):
    """Pairs of losses along random signs, and Nesterov's momentum: m = b m + g (first m = g), z -= a_k (g + b m).

    c_k = c / k^0.1 and a_k = a (2 / (k + 1))^0.4. Source: SPSA-GC of BlackVIP, arXiv 2303.14773, whose `segmented`
    directions have 7/6 of the variance of signs.
    """

    total = torch.zeros(0)  # m, (G, d)

    @property
    def evaluations(self) -> int:
        """See `Search.evaluations`: two per direction."""
        return 2 * self.settings.directions

    @property
    def momentum(self) -> float:
        """b."""
        return self.settings.momentum

    def clipped(self, gradient: Tensor) -> Tensor:
        """The estimate as it is used."""
        return gradient

    def step(self, z: Tensor, level: Tensor, loss: Loss, step: int) -> Tensor:
        """See `Search.step`."""
        shape, generator = (self.settings.directions, *z.shape), seeded(self.seed, step)
        directions = torch.randint(0, 2, shape, generator=generator).to(z.dtype) * 2 - 1
        if self.settings.random == "segmented":
            directions *= torch.rand(shape, generator=generator, dtype=z.dtype) / 2 + 0.5
        c = self.settings.smoothing * level / (step + 1) ** 0.1
        pairs = torch.stack([torch.stack([loss(z + c * each), loss(z - c * each)]) for each in directions])
        gradient = self.clipped(two_sided(pairs[:, 0], pairs[:, 1], directions, c))
        return self.moved(z, level, gradient, self.ahead(gradient), (2 / (step + 2)) ** 0.4)

    def ahead(self, gradient: Tensor) -> Tensor:
        """g + b m, after g was added to m."""
        self.total = self.momentum * self.total + gradient if len(self.total) else gradient
        return gradient + self.momentum * self.total

    def tensors(self) -> dict[str, Tensor]:
        """See `Search.tensors`."""
        return {**super().tensors(), "total": self.total}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """See `Search.restore`."""
        super().restore(tensors)
        self.total = tensors["total"]
