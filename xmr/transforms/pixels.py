"""What every transformation of pictures into pixel space shares: fitting the target's picture into the source's."""

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
Room = Literal["pixel", "normalised"]


def resize(values: Tensor, height: int, width: int, interpolation: Interpolation) -> Tensor:
    """(B, C, h, w) -> (B, C, height, width); values stay in [0, 1]. A picture of that size already is left alone."""
    if values.shape[-2:] == (height, width):
        return values
    if interpolation in ("nearest", "area"):
        return F.interpolate(values, (height, width), mode=interpolation)
    smaller = height < values.shape[-2] or width < values.shape[-1]
    made = F.interpolate(values, (height, width), mode=interpolation, align_corners=False, antialias=smaller)
    return made.clamp(0, 1) if interpolation == "bicubic" else made


def with_channels(values: Tensor, channels: int) -> Tensor:
    """(B, C, H, W) -> (B, channels, H, W): grey is repeated, colours become grey by their mean."""
    if values.shape[1] == channels:
        return values
    grey = values if values.shape[1] == 1 else values.mean(dim=1, keepdim=True)
    return grey.expand(-1, channels, -1, -1)


def channels_last(values: Tensor) -> Tensor:
    """(C, H, W) as pictures lie in memory before a convolution: the channels of a pixel side by side."""
    return values.permute(1, 2, 0).contiguous().permute(2, 0, 1)


class _OverBatch(torch.autograd.Function):
    """Repeat (C, H, W) for every record without copying it; its gradient is summed by a matrix product (on CPUs several
    times faster than a sum over the first axis)."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, n: int) -> Tensor:
        """(C, H, W) -> (n, C, H, W), one picture in memory."""
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
    """Pictures into pixel space. A subclass says what it adds to the fitted picture.

    `room` is where it adds: `pixel`, in [0, 1], and the source normalises after it; or `normalised`, in the source's
    own units. The learning rate hangs on it.
    """

    takes: ClassVar[str] = "image"
    space: ClassVar[str] = "pixel"
    factor: Tensor
    shift: Tensor

    def __init__(self, room: Room, interpolation: Interpolation) -> None:
        super().__init__()
        self.room, self.interpolation = room, interpolation

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Remember sizes; `make` makes the parameters."""
        assert isinstance(spec, ImageSpec)
        assert isinstance(space, PixelSpace)
        self.picture, self.pixels = spec, space
        mean, std = torch.tensor(space.mean)[:, None, None], torch.tensor(space.std)[:, None, None]
        # A number a pixel, laid out as pictures are: a product of equals runs at the speed of memory.
        whole = (space.channels, space.height, space.width)
        self.register_buffer("factor", channels_last((1 / std).expand(whole)), persistent=False)
        self.register_buffer("shift", channels_last((-mean / std).expand(whole)), persistent=False)
        self.make(generator)
        return self

    @abstractmethod
    def make(self, generator: Generator) -> None:
        """Make the parameters; `self.picture` and `self.pixels` are known."""

    def fitted(self, encoded: Batch, height: int | None = None, width: int | None = None) -> Tensor:
        """The target's pictures at the given size (by default the source's), with the source's channels, in [0, 1]."""
        assert isinstance(encoded, ImageBatch)
        size = height or self.pixels.height, width or self.pixels.width
        if encoded.precomputed is not None and encoded.precomputed.shape[-2:] == size:
            return encoded.precomputed
        return with_channels(resize(encoded.values, *size, self.interpolation), self.pixels.channels)

    def place(self) -> tuple[int, int]:
        """Height and width the target's picture has in the source's input."""
        return self.pixels.height, self.pixels.width

    def precompute(self, encoded: Batch) -> Tensor | None:
        """The fitted pictures, which no parameter touches; nothing where they are fitted as they come."""
        assert isinstance(encoded, ImageBatch)
        if encoded.values.shape[-2:] == self.place():
            return None
        return self.fitted(encoded, *self.place()).contiguous(memory_format=torch.channels_last)

    def normalise(self, values: Tensor, added: Tensor | None = None) -> Tensor:
        """[0, 1] -> the source's normalised units, plus (C, H, W) in these units: one pass over the pixels."""
        shift, factor = self.units(*values.shape[-2:])
        if added is None:
            return torch.addcmul(shift, values, factor)
        return torch.addcmul(over_batch(shift + added, len(values)), values, factor)

    def units(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        """b and a of a x + b, which brings x in [0, 1] to the source's normalised units: (C, height, width) each."""
        return self.shift[:, :height, :width], self.factor[:, :height, :width]

    def zeros(self) -> Tensor:
        """One value a pixel and channel of the source: (C, H, W)."""
        return torch.zeros(self.pixels.channels, self.pixels.height, self.pixels.width)

    def plain(self, encoded: Batch) -> PixelInput:
        """The target's pictures stretched over the source's input, nothing added: what a linear probe sees."""
        return PixelInput(self.fitted(encoded))


def inner_size(space: PixelSpace, scale: float, field: str = "transform.scale") -> tuple[int, int]:
    """The size of a picture shrunk to `scale` of the source's input. Raises RecipeError when nothing is left of it."""
    height, width = round(space.height * scale), round(space.width * scale)
    if min(height, width) < 1:
        raise RecipeError(Problem(field, str(scale), f"at least {1 / min(space.height, space.width):.3g}"))
    return height, width


def offset(outer: int, inner: int) -> int:
    """Where a centred inner length begins; the extra pixel of an odd difference goes before it (left, top)."""
    return (outer - inner + 1) // 2
