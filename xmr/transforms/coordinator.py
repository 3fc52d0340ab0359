"""Input-dependent prompts: a small decoder makes each image's prompt from the frozen source's features of that
image.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from einops import rearrange
from torch import Generator, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch
from xmr.core.spaces import PixelInput
from xmr.transforms.base import Features
from xmr.transforms.pixels import Interpolation, PixelTransform, Units, resize

COARSE = 7  # side of the decoder's first map; upsampling and two convolutions follow


class Coordinator(PixelTransform):
    """x_S = clip(x + eps tanh(decoder([features(x), trigger]))): a prompt for every image, computed from its content.

    The frozen encoder is the source itself (the published method uses a second pretrained network), which costs one
    more forward pass without gradient. The trigger vector is learned and shared by all images. Location: input;
    operator: parametric. Source: BlackVIP, arXiv 2303.14773.

    Args:
        trigger: width of the learned trigger vector.
        channels: channels of the decoder.
        strength: eps, the maximum change of a value.
        units: add in `pixel` values (clipped to [0, 1]), or in the source's `normalized` units.
        interpolation: how the image is resized.
    """

    reads_features: ClassVar[bool] = True

    def __init__(
        self,
        trigger: Annotated[int, Ge(1), Le(4096)] = 32,
        channels: Annotated[int, Ge(4), Le(1024)] = 16,
        strength: Annotated[float, Gt(0)] = 0.5,
        units: Units = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(units, interpolation)
        self.trigger_width, self.channels, self.strength = trigger, channels, strength

    def make(self, generator: Generator) -> None:
        """The trigger; `set_feature_extractor` makes the decoder, because it knows the width of the features."""
        self.trigger = nn.Parameter(torch.randn(self.trigger_width, generator=generator) * 0.1)

    def set_feature_extractor(self, features: Features, width: int, generator: Generator) -> None:
        """Make the decoder for features (B, D'). Its last layer starts near zero, and so do the prompts."""
        self.features = features
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.start = skip_init(nn.Linear, width + self.trigger_width, self.channels * COARSE * COARSE)
        self.middle = skip_init(nn.Conv2d, self.channels, self.channels, 3, padding=1)
        self.last = skip_init(nn.Conv2d, self.channels, self.pixels.channels, 3, padding=1)
        with torch.no_grad():
            for layer, size in ((self.start, 0.02), (self.middle, (9 * self.channels) ** -0.5), (self.last, 0.01)):
                layer.weight.normal_(0.0, size, generator=generator)
                assert layer.bias is not None
                layer.bias.zero_()

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        picture = self.fitted(encoded)
        seen = self.norm(self.features(PixelInput(picture)).detach())
        code = torch.cat([seen, self.trigger.expand(seen.shape[0], -1)], dim=1)
        coarse = rearrange(torch.relu(self.start(code)), "b (c h w) -> b c h w", h=COARSE, w=COARSE)
        finer = torch.relu(self.middle(F.interpolate(coarse, scale_factor=4.0, mode="bilinear")))
        prompt = torch.tanh(
            resize(self.last(finer), self.pixels.height, self.pixels.width, "bilinear").to(picture.dtype)
        )
        if self.units == "pixel":
            return PixelInput((picture + self.strength * prompt).clamp(0, 1))
        return PixelInput(self.normalize(picture) + self.strength * prompt, normalized=True)
