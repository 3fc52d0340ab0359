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
    """One vector a record of what its positions (B, T, D) or pixels (B, D, H, W) hold: (B, 5 D); (B, D) as it is.

    Mean, deviation, greatest, least, and the share above the mean by more than a hundredth (so that rounding in a flat
    map is not counted), which no gradient passes through. Statistics pooling: Snyder et al. 2018 (x-vectors); greatest
    value and share of positive values as in MiniRocket's kind of classifier, arXiv 2012.08791.
    """
    if hidden.ndim == 2:
        return hidden
    values = hidden.flatten(2) if hidden.ndim == 4 else hidden.transpose(1, 2)  # (B, D, positions)
    mean = values.mean(dim=2)
    deviation = (values - mean[..., None]).square().mean(dim=2).clamp(min=1e-10).sqrt()
    above = (values > (mean + 0.01 * (mean.abs() + deviation))[..., None]).to(values.dtype).mean(dim=2)
    greatest, least = values.max(dim=2).values, values.min(dim=2).values  # amax spreads its gradient over ties: slower
    return torch.cat([mean, deviation, greatest, least, above], dim=1)


def several(last: Tensor, below: Sequence[Tensor], taps: int) -> Tensor:
    """The last features (B, D), then statistics of `taps` - 1 of the hidden states below: (B, D + ...)."""
    if taps == 1:
        return last
    return torch.cat([last, *(pooled(below[index]) for index in spread(len(below), taps))], dim=1)
