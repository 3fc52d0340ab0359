"""A learned frame around the target's picture: border (outside it), watermark (on it), and the enhanced border."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.errors import Problem, RecipeError
from xmr.spaces import Encoded, PixelInput
from xmr.transforms.pixels import Interpolation, PixelTransform, Room, inner_size, offset


class Border(PixelTransform):
    """Shrink the picture to `scale` of the source's input, put it in the middle, learn everything around it.

    x_S = place(x_T) + sigmoid(delta) * M with M = 1 outside the picture (room: pixel), or + delta * M (room:
    normalised). Location: input; operator: concatenative. delta starts at 0, so the border starts mid-grey.
    Source: Elsayed, arXiv 1806.11146; ILM-VP, arXiv 2211.11635. A learnable scale: AutoVP, arXiv 2310.08381.

    Args:
        scale: side of the picture as a share of the source's side.
        learn_scale: train the scale too, starting at `scale`.
        room: add in `pixel` values and normalise after, or in the source's `normalised` units without squashing.
        interpolation: how the picture is resized.
    """

    def __init__(
        self,
        scale: Annotated[float, Gt(0), Le(1)] = 0.5,
        learn_scale: bool = False,
        room: Room = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(room, interpolation)
        self.scale, self.learn_scale = scale, learn_scale

    mask: Tensor

    def make(self, generator: Generator) -> None:
        """delta = 0; the mask is 1 outside the picture."""
        self.delta = nn.Parameter(self.zeros())
        self.height, self.width = inner_size(self.pixels, self.scale)
        self.top, self.left = offset(self.pixels.height, self.height), offset(self.pixels.width, self.width)
        mask = torch.ones(1, self.pixels.height, self.pixels.width)
        mask[:, self.top : self.top + self.height, self.left : self.left + self.width] = 0
        self.register_buffer("mask", mask, persistent=False)
        if self.learn_scale:
            self.log_scale = nn.Parameter(torch.log(torch.tensor(self.scale)))

    def frame(self) -> Tensor:
        """What stands outside the picture: (C, H, W), once a step whatever the batch."""
        return torch.sigmoid(self.delta) if self.room == "pixel" else self.delta

    def placed(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """The picture in the middle of zeros, (B, C, H, W) in [0, 1], and the mask M, 1 outside it."""
        if self.learn_scale:
            return self._stretched(encoded)
        inner = self.fitted(encoded, self.height, self.width)
        after = self.pixels.width - self.left - self.width, self.pixels.height - self.top - self.height
        return F.pad(inner, (self.left, after[0], self.top, after[1])), self.mask

    def _stretched(self, encoded: Encoded) -> tuple[Tensor, Tensor]:
        """As `placed`, by a bilinear sampling grid whose scale is a parameter (its edges are soft, so it can learn)."""
        whole = self.fitted(encoded)
        scale = self.log_scale.exp().clamp(0.05, 1.0)
        theta = torch.zeros(1, 2, 3, device=whole.device)
        theta[0, 0, 0] = theta[0, 1, 1] = 1.0
        shape = [1, 1, self.pixels.height, self.pixels.width]
        grid = F.affine_grid(theta, shape, align_corners=False) / scale
        covered = F.grid_sample(torch.ones(shape, device=whole.device), grid, align_corners=False)
        placed = F.grid_sample(whole, grid.expand(len(whole), -1, -1, -1), align_corners=False)
        return placed, 1 - covered[0]

    def forward(self, encoded: Encoded) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        picture, mask = self.placed(encoded)
        if self.room == "pixel":
            return PixelInput(picture + self.frame() * mask)
        inside = self.normalise(picture) * (1 - mask)  # outside, 0 is the source's mean colour
        return PixelInput(inside + self.frame() * mask, normalised=True)


class EnhancedBorder(Border):
    """As `border`, the picture at 164 of 224, and the gradient of delta divided by its norm.

    Flips and crops of the published recipe are the image encoder's (`flip`, `crop`). Source: EVP, arXiv 2212.10556.

    Args:
        scale: side of the picture as a share of the source's side.
        learn_scale: train the scale too, starting at `scale`.
        room: add in `pixel` values and normalise after, or in the source's `normalised` units without squashing.
        interpolation: how the picture is resized.
    """

    def __init__(
        self,
        scale: Annotated[float, Gt(0), Le(1)] = 164 / 224,
        learn_scale: bool = False,
        room: Room = "pixel",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(scale, learn_scale, room, interpolation)

    def make(self, generator: Generator) -> None:
        """As `border`, with the gradient of delta at unit norm."""
        super().make(generator)
        self.delta.register_hook(lambda gradient: gradient / gradient.norm().clamp(min=1e-12))


class Watermark(PixelTransform):
    """Stretch the picture over the whole input and add delta on a frame of `width` pixels, or everywhere.

    x_S = resize(x_T) + delta * M, by default in normalised units, without squashing. Location: input; operator:
    additive. Source: VP, arXiv 2203.17274 (30 pixels, normal start); BLM, arXiv 2410.24018 (everywhere, from zero).

    Args:
        width: pixels of the frame on each side; null adds everywhere.
        start: delta at `zeros`, or drawn `normal` as in VP.
        room: add in the source's `normalised` units, or in `pixel` values (then clipped to [0, 1]).
        interpolation: how the picture is resized.
    """

    def __init__(
        self,
        width: Annotated[int, Ge(1)] | None = None,
        start: Literal["zeros", "normal"] = "zeros",
        room: Room = "normalised",
        interpolation: Interpolation = "bilinear",
    ) -> None:
        super().__init__(room, interpolation)
        self.frame_width, self.start = width, start

    mask: Tensor

    def make(self, generator: Generator) -> None:
        """delta, and the mask of its frame."""
        space, width = self.pixels, self.frame_width
        delta = self.zeros()
        if self.start == "normal":
            delta.normal_(generator=generator)
        self.delta = nn.Parameter(delta)
        mask = torch.ones(1, space.height, space.width)
        if width is not None:
            if 2 * width >= min(space.height, space.width):
                limit = (min(space.height, space.width) - 1) // 2
                raise RecipeError(Problem("transform.width", str(width), f"at most {limit} for this source"))
            mask[:, width:-width, width:-width] = 0
        self.register_buffer("mask", mask, persistent=False)

    def forward(self, encoded: Encoded) -> PixelInput:
        """(B, C, h, w) -> (B, C', H, W)."""
        added = self.delta * self.mask
        if self.room == "pixel":
            return PixelInput((self.fitted(encoded) + added).clamp(0, 1))
        return PixelInput(self.normalise(self.fitted(encoded)) + added, normalised=True)
