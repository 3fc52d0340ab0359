"""Random gradient-free search, as in BAR."""

from __future__ import annotations

import torch
from torch import Tensor

from xmr.training.zeroth_order.base import Loss, Search, seeded


def one_sided(ahead: Tensor, here: Tensor, directions: Tensor, mu: Tensor) -> Tensor:
    """g = (d / q) sum_i (L(z + mu u_i) - L(z)) / mu u_i: (G, d).

    ahead: (q, G); here: (G,); directions: unit vectors u, (q, G, d); mu: (G, 1).
    """
    d = directions.shape[2]
    slopes = (ahead - here)[..., None] / mu
    return d * (slopes * directions).mean(dim=0)


class RGF(Search):
    """Differences to the present loss along random unit vectors; rates fall from a to a / 50. Source: BAR, arXiv
    2007.08714.
    """

    @property
    def evaluations(self) -> int:
        """See `Search.evaluations`: q + 1."""
        return self.settings.directions + 1

    def step(self, z: Tensor, level: Tensor, loss: Loss, step: int) -> Tensor:
        """See `Search.step`. The last loss is that of z itself."""
        shape = self.settings.directions, *z.shape
        u = torch.randn(shape, generator=seeded(self.seed, step), dtype=z.dtype)
        u /= u.norm(dim=2, keepdim=True)
        mu = self.settings.smoothing * level * self.d**0.5
        ahead = torch.stack([loss(z + mu * each) for each in u])
        gradient = one_sided(ahead, loss(z), u, mu)
        done = max(0.0, 1 - step / (0.9 * self.steps))
        return self.moved(z, level, gradient, gradient, 0.98 * done**0.9 + 0.02)
