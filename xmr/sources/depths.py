"""Features from several layers of a frozen source, concatenated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Le, Len
from torch import Tensor, nn

from xmr.errors import Problem, RecipeError

FeatureLayers = Annotated[int, Ge(1), Le(1000)] | Annotated[list[Annotated[int, Ge(-1000), Le(999)]], Len(1, 1000)]
"""Layers whose features are used, the last among them: their number, evenly spaced; or indices of hidden states (as
transformers counts them, where 0 is what enters the first layer; of blocks of a network for images, 0 is the first)."""


def layers_below(depth: int, feature_layers: int | list[int]) -> list[int]:
    """Indices of the hidden states that follow the last features, of `depth` in all, the last of which is the last
    features' own.

    A number: evenly spaced ones, one less than it, in descending order; rounded as `torch.linspace` does, because saved
    programs rest on it, in numpy, so that it can be exported. Indices: those, in their order. Raises RecipeError for an
    index that does not exist.
    """
    if isinstance(feature_layers, list):
        wrong = [index for index in feature_layers if not -depth <= index < depth]
        if wrong:
            expected = f"indices of the {depth} hidden states, {-depth} to {depth - 1}"
            raise RecipeError(Problem("source.feature_layers", ", ".join(map(str, wrong)), expected))
        return list(dict.fromkeys(index % depth for index in feature_layers))
    if feature_layers == 1:
        return []
    last, steps, place = np.float32(depth - 1), np.float32(feature_layers - 1), np.arange(feature_layers)
    step = last / steps
    from_start, from_end = step * place.astype(np.float32), last - step * (steps - place.astype(np.float32))
    places = np.where(place < feature_layers // 2, from_start, from_end).round().astype(int).tolist()
    return sorted(set(places[:-1]), reverse=True)


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The modules in a network's outermost sequences (`nn.Sequential`, `nn.ModuleList`), in order.

    A module whose output the next one overwrites in place is skipped.
    """
    if not isinstance(network, nn.Sequential | nn.ModuleList):
        return [block for child in network.children() for block in blocks_of(child)]
    children = list(network)
    after = [*children[1:], None]
    return [child for child, follower in zip(children, after) if not getattr(follower, "inplace", False)]


def forward_with_maps(network: nn.Module, inputs: Tensor) -> tuple[Tensor, list[Tensor]]:
    """A network's output, and the feature maps (B, D, H, W) or (B, T, D) of its blocks, first to last."""
    maps: list[Tensor] = []

    def keep(_: nn.Module, __: object, found: object) -> None:
        if isinstance(found, Tensor) and found.ndim in (3, 4):
            maps.append(found)

    handles = [block.register_forward_hook(keep) for block in blocks_of(network)]
    try:
        return network(inputs), maps
    finally:
        for handle in handles:
            handle.remove()


def pool_statistics(hidden: Tensor) -> Tensor:
    """One vector per record from positions (B, T, D) or pixels (B, D, H, W): (B, 5 D); (B, D) is unchanged.

    Mean, standard deviation, maximum, minimum, and the fraction of values more than 0.01 above the mean (so that
    rounding in a constant map does not count), which has no gradient. Statistics pooling: Snyder et al. 2018
    (x-vectors); maximum and fraction of positive values as in MiniRocket, arXiv 2012.08791.
    """
    if hidden.ndim == 2:
        return hidden
    values = hidden.flatten(2) if hidden.ndim == 4 else hidden.transpose(1, 2)  # (B, D, positions)
    mean = values.mean(dim=2)
    deviation = (values - mean[..., None]).square().mean(dim=2).clamp(min=1e-10).sqrt()
    above = (values > (mean + 0.01 * (mean.abs() + deviation))[..., None]).to(values.dtype).mean(dim=2)
    greatest, least = (
        values.max(dim=2).values,
        values.min(dim=2).values,
    )  # amax distributes its gradient over ties: slower
    return torch.cat([mean, deviation, greatest, least, above], dim=1)


def concat_layers(last: Tensor, below: Sequence[Tensor], feature_layers: int | list[int]) -> Tensor:
    """The last features (B, D), and statistics of the layers that `feature_layers` names: (B, D + ...)."""
    if feature_layers == 1:
        return last
    found = [pool_statistics(below[index]) for index in layers_below(len(below), feature_layers)]
    return torch.cat([last, *found], dim=1)
