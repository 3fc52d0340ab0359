"""Symbols as tiles of an image: every symbol has a tile, and a sequence fills the image row by row."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, Spec, SymbolBatch, SymbolSpec
from xmr.core.spaces import PixelInput, PixelSpace, Space
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform, checked_ids, with_blends

SAVED = "saved"  # the base image is among the program's tensors


class LaidTiles(torch.autograd.Function):
    """Tiles (S, C, p, p) placed by ids (B, h, w) -> images (B, C, h p, w p), each pixel written once.

    Rows of p pixels are gathered in the order of the image, and the gradient of a tile is summed over all its
    positions by one contraction, without a slice per symbol or a copy into another order.
    """

    @staticmethod
    def forward(ctx: Any, ids: Tensor, tiles: Tensor) -> Tensor:
        """See the class."""
        ctx.save_for_backward(ids)
        ctx.symbols = len(tiles)
        _, channels, p, _ = tiles.shape
        device = ids.device
        channel = torch.arange(channels, device=device)[:, None, None, None]
        row = torch.arange(p, device=device)[:, None]
        strips = (ids[:, None, :, None, :] * channels + channel) * p + row  # (B, C, h, p, w)
        laid = F.embedding(strips, tiles.reshape(-1, p))
        return laid.view(ids.shape[0], channels, ids.shape[1] * p, ids.shape[2] * p)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[None, Tensor]:
        """The gradient of the tiles."""
        (ids,) = ctx.saved_tensors
        (grad,) = grads
        rows, height, width = ids.shape
        p = grad.shape[2] // height
        at = F.one_hot(ids, ctx.symbols).to(grad.dtype)
        return None, torch.einsum("bhws,bchpwq->scpq", at, grad.reshape(rows, -1, height, p, width, p))


class SymbolTiles(Transform):
    """Symbol a at position i is the tile tanh(theta_a) of p x p pixels in row i // (W / p), column i mod (W / p).

    Tiles are in the source's normalized units, converted to pixels, clipped to [0, 1] and normalized by the source;
    pixels without a symbol have the source's mean color, or show the base image. With a base image x_0, a covered
    pixel is (1 - alpha) x_0 + alpha tile, which stays in [0, 1]. Clipping and mixing are done once per step on the A
    tiles, not on the images. Location: input; operator: parametric. A * 3 p p parameters. Source: Neekhara, arXiv
    2102.07325.

    Args:
        patch: side of a tile in pixels.
        init_std: standard deviation of theta at initialization.
        base: an image file shown behind the tiles (a cat that hides a protein); saved with the program.
        alpha: weight of the tiles over the base image.
    """

    takes: ClassVar[str] = "symbols"
    space: ClassVar[str] = "pixel"
    blends: Tensor
    mean: Tensor
    std: Tensor
    ground: Tensor

    def __init__(
        self,
        patch: Annotated[int, Ge(1), Le(1024)] = 16,
        init_std: Annotated[float, Gt(0)] = 1.0,
        base: str | None = None,
        alpha: Annotated[float, Gt(0), Le(1)] = 1.0,
    ) -> None:
        super().__init__()
        self.patch, self.init_std, self.base, self.alpha = patch, init_std, base, alpha

    def capacity(self, space: Space) -> int:
        """Number of tiles that fit the source's input. Raises RecipeError if none fits."""
        assert isinstance(space, PixelSpace)
        tiles = (space.height // self.patch) * (space.width // self.patch)
        if not tiles:
            limit = min(space.height, space.width)
            raise RecipeError(
                Problem("transform.patch", str(self.patch), f"at most the source's side of {limit} pixels")
            )
        return tiles

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Normally distributed theta. Raises RecipeError for a base image that cannot be read."""
        assert isinstance(spec, SymbolSpec)
        assert isinstance(space, PixelSpace)
        self.most, self.pixels = self.capacity(space), space
        side = (len(spec.letters), space.channels, self.patch, self.patch)
        self.theta = nn.Parameter(torch.randn(side, generator=generator) * self.init_std)
        self.register_buffer("blends", spec.blends(), persistent=False)
        self.register_buffer("mean", torch.tensor(space.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(space.std)[:, None, None], persistent=False)
        if self.base is not None:
            self.register_buffer("ground", base_picture(self.base, space))
        return self

    def tiles(self) -> Tensor:
        """The tile of every symbol, mixtures included, in [0, 1]: (S, C, p, p)."""
        symbols = with_blends(torch.tanh(self.theta), self.blends)
        return (symbols * self.std + self.mean).clamp(0, 1)

    def forward(self, encoded: Batch) -> PixelInput:
        """ids (B, L) -> (B, C, H, W). Raises ValueError for a sequence longer than the image holds."""
        assert isinstance(encoded, SymbolBatch)
        length, p, space = encoded.ids.shape[1], self.patch, self.pixels
        if length > self.most:
            raise ValueError(f"a sequence of {length} symbols; the source's image holds {self.most} tiles")
        height, width = space.height // p, space.width // p
        tiles = self.tiles()
        blank = self.mean.clamp(0, 1).expand(1, -1, p, p)
        table = torch.cat([tiles, blank])  # the last row is for pixels without a symbol
        ids = checked_ids(encoded.ids, len(tiles))
        if not encoded.full:
            ids = ids.masked_fill(~encoded.mask, len(tiles))
        ids = F.pad(ids, (0, self.most - length), value=len(tiles)).view(-1, height, width)
        laid: Tensor = LaidTiles.apply(ids, table)
        covered = (height * p, width * p)
        if self.base is not None:
            ground = self.ground[:, : covered[0], : covered[1]]
            share = (ids < len(tiles)).to(laid.dtype).repeat_interleave(p, 1).repeat_interleave(p, 2)
            laid = ground + self.alpha * share[:, None] * (laid - ground)
        if covered != (space.height, space.width):
            whole = (
                self.ground if self.base is not None else self.mean.clamp(0, 1).expand(-1, space.height, space.width)
            )
            whole = whole.expand(laid.shape[0], -1, -1, -1).clone()
            whole[:, :, : covered[0], : covered[1]] = laid
            laid = whole
        return PixelInput(laid)

    def merge(self) -> SymbolTiles:
        """The base image is among the tensors, so that its file is no longer needed."""
        if self.base is not None:
            self.base, self.section = SAVED, {**self.section, "base": SAVED}
        return self


def base_picture(path: str, space: PixelSpace) -> Tensor:
    """An image file stretched over the source's input, (C, H, W) in [0, 1]; zeros for one that is loaded later."""
    if path == SAVED:
        return torch.zeros(space.channels, space.height, space.width)
    from PIL import Image as Pillow
    from PIL import UnidentifiedImageError

    try:
        with Pillow.open(Path(path), formats=("PNG", "JPEG", "BMP", "WEBP")) as opened:
            picture = opened.convert("RGB" if space.channels == 3 else "L").resize((space.width, space.height))
    except (OSError, UnidentifiedImageError) as error:
        raise RecipeError(Problem("transform.base", f"{path!r} ({error})", "a PNG or JPEG image")) from error
    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).float() / 255
    return values.view(space.height, space.width, space.channels).permute(2, 0, 1).contiguous()
