"""Rows of a table as an image: one tile per column, similar columns next to each other, and a learned border."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from einops import rearrange
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, Spec, TableBatch, TableSpec
from xmr.core.spaces import PixelInput, PixelSpace, Space
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform
from xmr.transforms.feature_tokens import CategoryRows


def arrange(alike: np.ndarray, rows: int, columns: int, sweeps: int = 50) -> np.ndarray:
    """Cells of a grid for n items, similar items close together: (n,) cell numbers, row by row.

    alike: (n, n) similarities. Two cells are swapped as long as that brings the ranks of pairs by dissimilarity closer
    to the ranks of cells by distance, with the best partner of each cell first. Source: IGTD, Zhu et al. 2021, doi
    10.1038/s41598-021-90923-y.
    """
    n, cells = len(alike), rows * columns
    if n < 3:
        return np.arange(n)
    where = np.stack(np.divmod(np.arange(cells), columns), axis=1).astype(np.float64)
    distance = _ranks(np.linalg.norm(where[:, None] - where[None], axis=2)[:n, :n])
    wanted = _ranks(-alike)
    order = np.arange(n)  # order[cell] = item
    for _ in range(sweeps):
        moved = False
        for cell in range(n):
            held = wanted[np.ix_(order, order)]
            # Error of each pair of cells if `cell` and another swap their items.
            other = np.arange(n)
            now = ((held[cell] - distance[cell]) ** 2)[None] + (held - distance) ** 2
            then = (held - distance[cell]) ** 2 + (held[cell][None] - distance) ** 2
            outside = np.ones((n, n), bool)
            outside[:, cell] = False
            outside[other, other] = False
            gain = ((now - then) * outside).sum(axis=1)
            gain[cell] = 0.0
            best = int(gain.argmax())
            if gain[best] > 1e-9:
                order[[cell, best]] = order[[best, cell]]
                moved = True
        if not moved:
            break
    place = np.empty(n, dtype=np.int64)
    place[order] = np.arange(n)
    return place


def _ranks(matrix: np.ndarray) -> np.ndarray:
    """Ranks of the pairs of a symmetric matrix in [0, 1], zero on the diagonal."""
    n = len(matrix)
    upper = np.triu_indices(n, 1)
    ranks = np.zeros((n, n))
    values, inverse, counts = np.unique(matrix[upper].round(9), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts + 1) / 2
    ranks[upper] = middle[inverse] / max(1, len(upper[0]) - 1)
    del values
    return ranks + ranks.T


class ColumnTiles(Transform):
    """Column j owns a tile of p x p pixels: sigmoid(u_j + x_j v_j) for a number, sigmoid of a row for a category.

    The tiles fill the middle of the image, similar columns next to each other; the border around them is learned as
    well. A missing value is a learned tile, or the column's mean where training had none. Location: input; operator:
    parametric. Sources: BAR, arXiv 2007.08714 (tables into ImageNet classifiers); IGTD, Zhu et al. 2021 (layout).

    Args:
        tile_fraction: fraction of the image's side that the tiles take; the rest is border.
        layout: `alike` places columns with high rank correlation next to each other; `order` keeps the order of the
            table.
        init_std: standard deviation of u and v at initialization.
    """

    takes: ClassVar[str] = "table"
    space: ClassVar[str] = "pixel"
    gap_row: Tensor
    place: Tensor

    def __init__(
        self,
        tile_fraction: Annotated[float, Gt(0), Le(1)] = 0.8,
        layout: Literal["alike", "order"] = "alike",
        init_std: Annotated[float, Ge(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.tile_fraction, self.layout, self.init_std = tile_fraction, layout, init_std

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Normally distributed tiles, a gray border. Raises RecipeError for text columns, and for more columns than
        pixels.
        """
        assert isinstance(spec, TableSpec)
        assert isinstance(space, PixelSpace)
        if spec.words:
            expected = "skip: an image cannot show text (encoder.columns)"
            raise RecipeError(Problem("encoder.columns", f"text in {', '.join(spec.texts) or 'render'}", expected))
        count, n = len(spec.numbers), len(spec.names)
        self.most, self.pixels = spec.most, space
        across = int(np.ceil(np.sqrt(n)))
        down = -(-n // across)
        self.tile = int(min(space.height / down, space.width / across) * self.tile_fraction)
        if self.tile < 1:
            found = f"{n} columns"
            raise RecipeError(Problem("encoder", found, f"at most {space.height * space.width} tiles of a pixel"))
        self.grid = (down, across)
        alike = np.array(spec.alike) if len(spec.alike) == n else np.zeros((n, n))
        place = arrange(alike, down, across) if self.layout == "alike" else np.arange(n)
        self.register_buffer("place", torch.from_numpy(place), persistent=False)
        side = space.channels * self.tile**2
        gaps = torch.tensor(spec.gaps, dtype=torch.bool)

        def drawn(rows: int) -> Tensor:
            return torch.randn(rows, side, generator=generator) * self.init_std

        self.middle, self.slope = nn.Parameter(drawn(count)), nn.Parameter(drawn(count))
        self.gap = nn.Parameter(drawn(int(gaps.sum())))
        self.register_buffer("gap_row", torch.where(gaps, gaps.cumsum(0) - 1, -1), persistent=False)
        self.categories = CategoryRows(spec, drawn(CategoryRows.count(spec)))
        self.border = nn.Parameter(torch.zeros(space.channels, space.height, space.width))
        return self

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, F) numbers, (B, G) categories -> (B, C, H, W) in [0, 1]."""
        assert isinstance(encoded, TableBatch)
        (down, across), p, space = self.grid, self.tile, self.pixels
        numbers = encoded.numbers[..., None] / self.most * self.slope + self.middle
        if len(self.gap):
            lost = encoded.missing & (self.gap_row >= 0)
            numbers = torch.where(lost[..., None], self.gap[self.gap_row.clamp(min=0)], numbers)
        tiles = torch.cat([numbers, self.categories(encoded.categories)], dim=1)  # (B, n, C p p), before the sigmoid
        cells = tiles.new_zeros(tiles.shape[0], down * across, tiles.shape[2]).index_copy(1, self.place, tiles)
        shape = {"h": down, "p": p, "q": p}
        laid = rearrange(cells, "b (h w) (c p q) -> b c (h p) (w q)", **shape)
        top, left = (space.height - down * p) // 2, (space.width - across * p) // 2
        bottom, right = space.height - down * p - top, space.width - across * p - left
        inside = F.pad(torch.ones_like(self.border[:1, : down * p, : across * p]), (left, right, top, bottom))
        return PixelInput(torch.sigmoid(F.pad(laid, (left, right, top, bottom)) + self.border * (1 - inside)))
