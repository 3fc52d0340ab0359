"""Batch norms of a frozen network, folded into the convolutions before them for speed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


@dataclass
class Folded:
    """One original pair: the path of its parent, the names there, the two modules."""

    parent: str
    convolution: str
    norm: str
    original: tuple[nn.Module, nn.Module]


def fold_batch_norms(model: nn.Module, answer: Callable[[], Tensor]) -> list[Folded]:
    """Fold every BatchNorm2d that directly follows a Conv2d in its parent -> the input of `unfold`.

    answer: the model's output on fixed input. If it would change beyond float rounding (a parent that calls its
    modules in another order than it lists them), nothing is folded.
    """
    before = answer()
    pairs = []
    for path, parent in model.named_modules():
        for (first, convolution), (second, norm) in pairwise(parent.named_children()):
            if not isinstance(convolution, nn.Conv2d) or type(norm) is not nn.BatchNorm2d:
                continue
            if norm.track_running_stats and convolution.out_channels == norm.num_features:
                pairs.append(Folded(path, first, second, (convolution, norm)))
    for pair in pairs:
        parent = model.get_submodule(pair.parent)
        parent._modules[pair.convolution] = fuse_conv_bn_eval(*pair.original)  # type: ignore[type-var, arg-type]
        parent._modules[pair.norm] = nn.Identity()
    after = answer()
    if not torch.allclose(after, before, rtol=1e-3, atol=1e-3 * float(before.abs().max())):
        unfold(model, pairs)
        return []
    return pairs


def unfold(model: nn.Module, pairs: list[Folded]) -> None:
    """Put the convolutions and batch norms back as they were."""
    for pair in pairs:
        parent = model.get_submodule(pair.parent)
        parent._modules[pair.convolution], parent._modules[pair.norm] = pair.original
