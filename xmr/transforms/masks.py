"""Sample-specific masks: a small convolutional network decides for each pixel how much of delta an image gets."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

import torch
from annotated_types import Gt
from einops import repeat
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch
from xmr.core.spaces import PixelInput
from xmr.transforms.pixels import Interpolation, PixelTransform, Units, over_batch


def mask_network(layers: int, pools: int, channels: int, generator: Generator) -> nn.Sequential:
    """C-8-16-32(-64)(-128)-C convolutions of 3x3, with batch norm and ReLU between them and `pools` max-pools by two.

    layers: 5 (up to 64 channels) or 6 (up to 128). No activation on the last layer.
    """
    widths = (channels, 8, 16, 32, 64, 128)[:layers]
    modules: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise(widths)):
        modules += [skip_init(nn.Conv2d, inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
        last = number == layers - 2
        by = 2 ** (pools - number if last else 1) if number < pools else 1  # the last one takes the remainder
        modules += [nn.MaxPool2d(by)] if by > 1 else []
    modules.append(skip_init(nn.Conv2d, widths[-1], channels, 3, padding=1))
    network = nn.Sequential(*modules)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                bound = (module.in_channels * 9) ** -0.5
                module.weight.uniform_(-bound, bound, generator=generator)
                assert module.bias is not None
                module.bias.uniform_(-bound, bound, generator=generator)
    return network


class SampleSpecificMasks(PixelTransform):
    """x_S = resize(x_T) + delta * up(g(resize(x_T))): every image gets its own three-channel mask.

    g is a CNN of 5 or 6 layers; its output is repeated over patches of `patch` pixels. Location: input; operator:
    parametric. Source: SMM, Cai et al., ICML 2024, arXiv 2406.03150.

    Args:
        layers: convolutions of the mask network: 5 for residual networks, 6 for vision transformers in the paper.
        patch: number of pixels over which each mask value is repeated; log2(patch) of the layers pool.
        mask_lr_scale: learning rate of the mask network as a multiple of training.learning_rate.
        units: add in the source's `normalized` units, or in `pixel` values (then clipped to [0, 1]).
        interpolation: how the image is resized.
    """

    def __init__(
        self,
        layers: Literal[5, 6] = 5,
        patch: Literal[1, 2, 4, 8, 16, 32] = 8,
        mask_lr_scale: Annotated[float, Gt(0)] = 1.0,
        units: Units = "normalized",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(units, interpolation)
        self.layers, self.patch, self.mask_lr_scale = layers, patch, mask_lr_scale

    def make(self, generator: Generator) -> None:
        """delta starts at zero; the mask network with torch's default initialization."""
        self.delta = nn.Parameter(self.zeros())
        pools = self.patch.bit_length() - 1
        self.network = mask_network(self.layers, pools, self.pixels.channels, generator)

    def lr_scales(self) -> dict[str, float]:
        """The mask network may have its own learning rate."""
        return {"network": self.mask_lr_scale}

    def masks(self, picture: Tensor) -> Tensor:
        """The mask of each image (B, C, H, W), before delta."""
        height, width = picture.shape[-2:]
        small = self.network(picture)
        large = repeat(small, "b c h w -> b c (h p) (w q)", p=self.patch, q=self.patch)
        short = height - large.shape[-2], width - large.shape[-1]  # sides that are not a multiple of the patch
        if max(short) > 0:
            large = nn.functional.pad(large, (0, max(0, short[1]), 0, max(0, short[0])), mode="replicate")
        return large[..., :height, :width]

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        picture = self.fitted(encoded)
        if self.units == "pixel":
            return PixelInput((picture + over_batch(self.delta, picture.shape[0]) * self.masks(picture)).clamp(0, 1))
        picture = self.normalize(picture)
        return PixelInput(picture + over_batch(self.delta, picture.shape[0]) * self.masks(picture), normalized=True)
