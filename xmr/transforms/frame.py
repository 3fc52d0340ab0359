"""A learned frame around the target's image (border), learned pixels on it (watermark), and the enhanced border."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch
from xmr.core.spaces import PixelInput
from xmr.errors import Problem, RecipeError
from xmr.transforms.pixels import (
    Interpolation,
    PixelTransform,
    Units,
    channels_last,
    inner_size,
    offset,
    over_batch,
    summed,
)


class _Around(torch.autograd.Function):
    """Images (B, C, h, w), as shift + factor * image, in a frame (C, H, W): each pixel is written once, directly to
    its position; the frame's gradient is one matrix product.
    """

    @staticmethod
    def forward(ctx: Any, frame: Tensor, inner: Tensor, shift: Tensor, factor: Tensor, top: int, left: int) -> Tensor:
        """The frame repeated around the images, whose corner is at (top, left)."""
        shape, below, right = (inner.shape[0], *frame.shape), top + inner.shape[2], left + inner.shape[3]
        out = torch.empty(shape, dtype=frame.dtype, device=frame.device, memory_format=torch.channels_last)
        frame = channels_last(frame)
        out[:, :, :top], out[:, :, below:] = frame[:, :top], frame[:, below:]
        out[:, :, top:below, :left] = frame[:, top:below, :left]
        out[:, :, top:below, right:] = frame[:, top:below, right:]
        torch.addcmul(shift, inner, factor, out=out[:, :, top:below, left:right])
        ctx.place = (slice(top, below), slice(left, right))
        ctx.factor = factor
        return out

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None, None, None, None]:
        """The frame's gradient is summed over the batch and zero at the pixels of the image."""
        rows, columns = ctx.place
        frame = inner = None
        if ctx.needs_input_grad[0]:
            frame = summed(gradient)
            frame[:, rows, columns] = 0
        if ctx.needs_input_grad[1]:
            inner = gradient[:, :, rows, columns] * ctx.factor
        return frame, inner, None, None, None, None


class Border(PixelTransform):
    """Shrink the image to `scale` of the source's input, put it in the middle, and learn all pixels around it.

    x_S = place(x_T) + sigmoid(delta) * M with M = 1 outside the image (units: pixel), or + delta * M (units:
    normalized). Location: input; operator: concatenative. delta starts at 0, so the border starts mid-gray.
    Source: Elsayed, arXiv 1806.11146; ILM-VP, arXiv 2211.11635. A learnable scale: AutoVP, arXiv 2310.08381.

    Args:
        scale: side of the image as a fraction of the source's side.
        learn_scale: train the scale as well, starting at `scale`.
        units: add in `pixel` values and normalize after, or in the source's `normalized` units without squashing.
        interpolation: how the image is resized.
    """

    def __init__(
        self,
        scale: Annotated[float, Gt(0), Le(1)] = 0.5,
        learn_scale: bool = False,
        units: Units = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(units, interpolation)
        self.scale, self.learn_scale = scale, learn_scale

    mask: Tensor

    def make(self, generator: Generator) -> None:
        """delta = 0; the mask is 1 outside the image."""
        self.delta = nn.Parameter(self.zeros())
        self.height, self.width = inner_size(self.pixels, self.scale)
        self.top, self.left = offset(self.pixels.height, self.height), offset(self.pixels.width, self.width)
        mask = torch.ones(1, self.pixels.height, self.pixels.width)
        mask[:, self.top : self.top + self.height, self.left : self.left + self.width] = 0
        self.register_buffer("mask", mask, persistent=False)
        if self.learn_scale:
            self.log_scale = nn.Parameter(torch.log(torch.tensor(self.scale)))

    def place(self) -> tuple[int, int]:
        """See `PixelTransform.place`: a learned scale is applied after resizing."""
        return super().place() if self.learn_scale else (self.height, self.width)

    def frame(self) -> Tensor:
        """The pixels outside the image: (C, H, W), computed once per step for any batch."""
        return torch.sigmoid(self.delta) if self.units == "pixel" else self.delta

    def placed(self, encoded: Batch) -> tuple[Tensor, Tensor]:
        """The image in the middle of zeros, (B, C, H, W) in [0, 1], and the mask M, 1 outside it."""
        if self.learn_scale:
            return self._stretched(encoded)
        inner = self.fitted(encoded, self.height, self.width)
        after = self.pixels.width - self.left - self.width, self.pixels.height - self.top - self.height
        return F.pad(inner, (self.left, after[0], self.top, after[1])), self.mask

    def _stretched(self, encoded: Batch) -> tuple[Tensor, Tensor]:
        """As `placed`, with a bilinear sampling grid whose scale is a parameter (soft edges give it a gradient)."""
        whole = self.fitted(encoded)
        scale = self.log_scale.exp().clamp(0.05, 1.0)
        theta = torch.zeros(1, 2, 3, device=whole.device)
        theta[0, 0, 0] = theta[0, 1, 1] = 1.0
        shape = [1, 1, self.pixels.height, self.pixels.width]
        grid = F.affine_grid(theta, shape, align_corners=False) / scale
        covered = F.grid_sample(torch.ones(shape, device=whole.device), grid, align_corners=False)
        placed = F.grid_sample(whole, grid.expand(whole.shape[0], -1, -1, -1), align_corners=False)
        return placed, 1 - covered[0]

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        own_units = self.units == "normalized"
        if not self.learn_scale:
            # Frame and image do not overlap: normalizing each gives the normalized sum in one pass less.
            frame = self.frame() if own_units else self.normalize(self.frame())
            inner = self.fitted(encoded, self.height, self.width)
            placed = _Around.apply(frame, inner, *self.normalization(self.height, self.width), self.top, self.left)
            return PixelInput(placed, normalized=True)
        picture, mask = self.placed(encoded)
        # Outside the image, 0 in normalized units is the source's mean color.
        inside = self.normalize(picture) * (1 - mask) if own_units else picture
        return PixelInput(inside + self.frame() * mask, own_units)


class EnhancedBorder(Border):
    """As `border`, with the image at 164 of 224 pixels, and the gradient of delta divided by its norm.

    The flips and crops of the published recipe belong to the image encoder (`flip`, `crop`). Source: EVP, arXiv
    2212.10556.

    Args:
        scale: side of the image as a fraction of the source's side.
        learn_scale: train the scale as well, starting at `scale`.
        units: add in `pixel` values and normalize after, or in the source's `normalized` units without squashing.
        interpolation: how the image is resized.
    """

    def __init__(
        self,
        scale: Annotated[float, Gt(0), Le(1)] = 164 / 224,
        learn_scale: bool = False,
        units: Units = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(scale, learn_scale, units, interpolation)

    def make(self, generator: Generator) -> None:
        """As `border`, with the gradient of delta scaled to unit norm."""
        super().make(generator)
        self.delta.register_hook(lambda gradient: gradient / gradient.norm().clamp(min=1e-12))


class Watermark(PixelTransform):
    """Stretch the image over the whole input and add delta on a frame of `width` pixels, or everywhere.

    x_S = resize(x_T) + delta * M, by default in normalized units, without squashing. Location: input; operator:
    additive. Source: VP, arXiv 2203.17274 (30 pixels, normal start); BLM, arXiv 2410.24018 (everywhere, from zero);
    delta = B A of low rank in each channel, B from zero: LoR-VP, arXiv 2502.00896.

    Args:
        width: pixels of the frame on each side; null adds everywhere.
        rank: delta is a product of this rank in each channel, C r (H + W) parameters; null: free, C H W.
        init: initialize delta with `zeros`, or from a `normal` distribution as in VP.
        units: add in the source's `normalized` units, or in `pixel` values (then clipped to [0, 1]).
        interpolation: how the image is resized.
    """

    def __init__(
        self,
        width: Annotated[int, Ge(1), Le(4096)] | None = None,
        rank: Annotated[int, Ge(1), Le(4096)] | None = None,
        init: Literal["zeros", "normal"] = "zeros",
        units: Units = "normalized",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(units, interpolation)
        self.frame_width, self.rank, self.init = width, rank, init

    mask: Tensor

    def make(self, generator: Generator) -> None:
        """delta, and the mask of its frame."""
        space, width = self.pixels, self.frame_width
        delta = self.zeros() if self.rank is None else self.zeros()[..., :1].repeat(1, 1, self.rank)
        if self.init == "normal":
            delta.normal_(generator=generator)
        self.delta = nn.Parameter(delta)
        if self.rank is not None:
            right = torch.randn(len(delta), self.rank, space.width, generator=generator)
            self.right = nn.Parameter(right * self.rank**-0.5)
        mask = torch.ones(1, space.height, space.width)
        if width is not None:
            if 2 * width >= min(space.height, space.width):
                limit = (min(space.height, space.width) - 1) // 2
                raise RecipeError(Problem("transform.width", str(width), f"at most {limit} for this source"))
            mask[:, width:-width, width:-width] = 0
        self.register_buffer("mask", mask, persistent=False)

    def pattern(self) -> Tensor:
        """delta, (C, H, W): the parameter itself, or B A."""
        return self.delta if self.rank is None else self.delta @ self.right

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        added, picture = self.pattern() * self.mask, self.fitted(encoded)
        if self.units == "pixel":
            return PixelInput((picture + over_batch(added, picture.shape[0])).clamp(0, 1))
        return PixelInput(self.normalize(picture, added), normalized=True)
