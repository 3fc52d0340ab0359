"""Features from several depths of a frozen source side by side, not only from its end."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def spread(depth: int, taps: int) -> list[int]:
    """`taps` - 1 depths below the last of `depth`, evenly spaced, the deepest first."""
    places = torch.linspace(0, depth - 1, taps).round().int().tolist() if taps > 1 else [depth - 1]
    return sorted(set(places[:-1]), reverse=True)


def pooled(hidden: Tensor) -> Tensor:
    """One vector a record: (B, D) as it is, mean and deviation over positions (B, T, D) or pixels (B, D, H, W).

    Statistics pooling: Snyder et al. 2018 (x-vectors).
    """
    if hidden.ndim == 2:
        return hidden
    where = (2, 3) if hidden.ndim == 4 else (1,)
    mean = hidden.mean(dim=where, keepdim=True)
    spread = (hidden - mean).square().mean(dim=where).clamp(min=1e-10).sqrt()
    return torch.cat([mean.flatten(1), spread], dim=1)


def several(last: Tensor, below: Sequence[Tensor], taps: int) -> Tensor:
    """The last features (B, D), then statistics of `taps` - 1 of the hidden states below: (B, D + ...)."""
    if taps == 1:
        return last
    return torch.cat([last, *(pooled(below[index]) for index in spread(len(below), taps))], dim=1)
