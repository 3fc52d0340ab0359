"""ZIP: plain simultaneous perturbation with clipped estimates, in a subspace of low rank."""

from __future__ import annotations

from torch import Tensor

from xmr.training.zeroth_order.spsa import SPSA


class Zip(SPSA):
    """SPSA without momentum, whose estimates are clipped to the norm sqrt(d). Source: ZIP, ICLR 2025.

    Its subspace is `low_rank` where the recipe names no other.
    """

    @property
    def momentum(self) -> float:
        """See `SPSA.momentum`: none."""
        return 0.0

    def clipped(self, gradient: Tensor) -> Tensor:
        """g min(1, sqrt(d) / |g|): (G, d)."""
        norm = gradient.norm(dim=1, keepdim=True).clamp(min=1e-300)
        return gradient * (gradient.shape[1] ** 0.5 / norm).clamp(max=1.0)
