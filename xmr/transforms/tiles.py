"""Symbols laid out as a picture: every symbol owns a tile, a sequence fills the picture row by row."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from einops import rearrange
from torch import Generator, Tensor, nn

from xmr.errors import Problem, RecipeError
from xmr.spaces import Alphabet, Encoded, Form, PixelInput, PixelSpace, Space, Symbols
from xmr.transforms.base import Transform, checked_ids


class SymbolTiles(Transform):
    """Symbol a at place i is the tile tanh(theta_a) of p x p pixels in row i // (W / p), column i mod (W / p).

    Tiles are in the source's normalised units, brought to pixels, clipped to [0, 1] and normalised by the source; what
    no symbol covers is the source's mean colour. Clipping and mixing are done once a step on the A tiles, not on the
    pictures. Location: input; operator: parametric. A * 3 p p parameters. Source: Neekhara, arXiv 2102.07325.

    Args:
        patch: side of a tile in pixels.
        spread: standard deviation of theta at the start.
    """

    takes: ClassVar[str] = "Symbols"
    space: ClassVar[str] = "pixel"
    mixing: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, patch: Annotated[int, Ge(1)] = 16, spread: Annotated[float, Gt(0)] = 1.0) -> None:
        super().__init__()
        self.patch, self.spread = patch, spread

    def capacity(self, space: Space) -> int:
        """Tiles that fit the source's input. Raises RecipeError when not even one does."""
        assert isinstance(space, PixelSpace)
        tiles = (space.height // self.patch) * (space.width // self.patch)
        if not tiles:
            limit = min(space.height, space.width)
            raise RecipeError(
                Problem("transform.patch", str(self.patch), f"at most the source's side of {limit} pixels")
            )
        return tiles

    def build(self, form: Form, space: Space, generator: Generator) -> Self:
        """theta is drawn normal."""
        assert isinstance(form, Alphabet)
        assert isinstance(space, PixelSpace)
        self.most, self.pixels = self.capacity(space), space
        side = (len(form.letters), space.channels, self.patch, self.patch)
        self.theta = nn.Parameter(torch.randn(side, generator=generator) * self.spread)
        self.register_buffer("mixing", form.mixing(), persistent=False)
        self.register_buffer("mean", torch.tensor(space.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(space.std)[:, None, None], persistent=False)
        return self

    def tiles(self) -> Tensor:
        """The tile of every symbol, mixtures included, in [0, 1]: (S, C, p, p)."""
        letters = torch.tanh(self.theta)
        symbols = torch.einsum("sa,acpq->scpq", self.mixing, letters)
        return (symbols * self.std + self.mean).clamp(0, 1)

    def forward(self, encoded: Encoded) -> PixelInput:
        """ids (B, L) -> (B, C, H, W). Raises ValueError for a sequence longer than the picture holds."""
        assert isinstance(encoded, Symbols)
        length = encoded.ids.shape[1]
        if length > self.most:
            raise ValueError(f"a sequence of {length} symbols; the source's picture holds {self.most} tiles")
        blank = self.mean.clamp(0, 1).expand(1, -1, self.patch, self.patch)
        table = torch.cat([self.tiles(), blank])  # the last row is what no symbol covers
        ids = checked_ids(encoded.ids, len(self.mixing)).masked_fill(~encoded.mask, len(table) - 1)
        ids = F.pad(ids, (0, self.most - length), value=len(table) - 1)
        flat = F.embedding(ids, table.flatten(1))
        p, space = self.patch, self.pixels
        laid = rearrange(flat, "b (h w) (c p q) -> b c (h p) (w q)", h=space.height // p, p=p, q=p)
        below, right = space.height - laid.shape[2], space.width - laid.shape[3]
        if below or right:
            whole = self.mean.clamp(0, 1).expand(len(laid), -1, space.height, space.width).clone()
            whole[:, :, : laid.shape[2], : laid.shape[3]] = laid
            laid = whole
        return PixelInput(laid)
