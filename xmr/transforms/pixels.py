"""The base of all transformations of images into pixel space: resizing the target's image to the source's input."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

from xmr.core.kinds import Batch, ImageBatch, ImageSpec, Spec
from xmr.core.spaces import PixelInput, PixelSpace, Space
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform

Interpolation = Literal["nearest", "bilinear", "bicubic", "area"]
Units = Literal["pixel", "normalized"]


def resize(values: Tensor, height: int, width: int, interpolation: Interpolation) -> Tensor:
    """(B, C, h, w) -> (B, C, height, width); values stay in [0, 1]. An image that already has that size is
    unchanged.
    """
    if values.shape[-2:] == (height, width):
        return values
    if interpolation in ("nearest", "area"):
        return F.interpolate(values, (height, width), mode=interpolation)
    smaller = height < values.shape[-2] or width < values.shape[-1]
    made = F.interpolate(values, (height, width), mode=interpolation, align_corners=False, antialias=smaller)
    return made.clamp(0, 1) if interpolation == "bicubic" else made


def with_channels(values: Tensor, channels: int) -> Tensor:
    """(B, C, H, W) -> (B, channels, H, W): gray is repeated, colors become gray by their mean."""
    if values.shape[1] == channels:
        return values
    gray = values if values.shape[1] == 1 else values.mean(dim=1, keepdim=True)
    return gray.expand(-1, channels, -1, -1)


def channels_last(values: Tensor) -> Tensor:
    """(C, H, W) in the memory format of convolutions: the channels of a pixel next to each other."""
    return values.permute(1, 2, 0).contiguous().permute(2, 0, 1)


class _OverBatch(torch.autograd.Function):
    """Repeat (C, H, W) for every record without a copy; its gradient is summed by a matrix product (on CPUs several
    times faster than a sum over the first axis).
    """

    @staticmethod
    def forward(ctx: Any, values: Tensor, n: int) -> Tensor:
        """(C, H, W) -> (n, C, H, W), one image in memory."""
        return channels_last(values).expand(n, -1, -1, -1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Sum over the records."""
        return summed(gradient), None


def over_batch(values: Tensor, n: int) -> Tensor:
    """The same (C, H, W) for each of n records."""
    return _OverBatch.apply(values, n)


def summed(gradient: Tensor) -> Tensor:
    """(B, C, H, W) -> (C, H, W), the sum over the batch."""
    flat = gradient.permute(0, 2, 3, 1).reshape(len(gradient), -1)
    total = (flat.new_ones(1, len(flat)) @ flat).reshape(*gradient.shape[2:], gradient.shape[1])
    return total.permute(2, 0, 1).contiguous()


class PixelTransform(Transform):
    """Images into pixel space. A subclass defines what it adds to the resized image.

    `units` is where it adds: `pixel`, in [0, 1], before the source normalizes; or `normalized`, in the source's
    normalized units. The best learning rate depends on it.
    """

    takes: ClassVar[str] = "image"
    space: ClassVar[str] = "pixel"
    factor: Tensor
    shift: Tensor

    def __init__(self, units: Units, interpolation: Interpolation) -> None:
        super().__init__()
        self.units, self.interpolation = units, interpolation

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Store the sizes; `make` creates the parameters."""
        assert isinstance(spec, ImageSpec)
        assert isinstance(space, PixelSpace)
        self.picture, self.pixels = spec, space
        mean, std = torch.tensor(space.mean)[:, None, None], torch.tensor(space.std)[:, None, None]
        # One number per pixel in the layout of the images: the fastest layout for a product.
        whole = (space.channels, space.height, space.width)
        self.register_buffer("factor", channels_last((1 / std).expand(whole)), persistent=False)
        self.register_buffer("shift", channels_last((-mean / std).expand(whole)), persistent=False)
        self.make(generator)
        return self

    @abstractmethod
    def make(self, generator: Generator) -> None:
        """Create the parameters; `self.picture` and `self.pixels` are set."""

    def fitted(self, encoded: Batch, height: int | None = None, width: int | None = None) -> Tensor:
        """The target's images at the given size (by default the source's), with the source's channels, in [0, 1]."""
        assert isinstance(encoded, ImageBatch)
        size = height or self.pixels.height, width or self.pixels.width
        if encoded.precomputed is not None and encoded.precomputed.shape[-2:] == size:
            return encoded.precomputed
        return with_channels(resize(encoded.values, *size, self.interpolation), self.pixels.channels)

    def place(self) -> tuple[int, int]:
        """Height and width of the target's image in the source's input."""
        return self.pixels.height, self.pixels.width

    def precompute(self, encoded: Batch) -> Tensor | None:
        """The resized images, which do not depend on parameters; None if each batch is resized separately."""
        assert isinstance(encoded, ImageBatch)
        if encoded.values.shape[-2:] == self.place():
            return None
        return self.fitted(encoded, *self.place()).contiguous(memory_format=torch.channels_last)

    def normalize(self, values: Tensor, added: Tensor | None = None) -> Tensor:
        """[0, 1] -> the source's normalized units, plus (C, H, W) in these units: one pass over the pixels."""
        shift, factor = self.normalization(*values.shape[-2:])
        if added is None:
            return torch.addcmul(shift, values, factor)
        return torch.addcmul(over_batch(shift + added, values.shape[0]), values, factor)

    def normalization(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """b and a of a x + b, which brings x in [0, 1] to the source's normalized units: (C, height, width) each."""
        return self.shift[:, :height, :width], self.factor[:, :height, :width]

    def zeros(self) -> Tensor:
        """One value per pixel and channel of the source: (C, H, W)."""
        return torch.zeros(self.pixels.channels, self.pixels.height, self.pixels.width)

    def plain(self, encoded: Batch) -> PixelInput:
        """The target's images stretched over the source's input, nothing added: the input of a linear probe."""
        return PixelInput(self.fitted(encoded))


def inner_size(space: PixelSpace, scale: float, field: str = "transform.scale") -> tuple[int, int]:
    """The size of an image shrunk to `scale` of the source's input. Raises RecipeError if it is below one pixel."""
    height, width = round(space.height * scale), round(space.width * scale)
    if min(height, width) < 1:
        raise RecipeError(Problem(field, str(scale), f"at least {1 / min(space.height, space.width):.3g}"))
    return height, width


def offset(outer: int, inner: int) -> int:
    """Where a centered inner length begins; the extra pixel of an odd difference goes before it (left, top)."""
    return (outer - inner + 1) // 2
