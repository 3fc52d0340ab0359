"""The numbers z that are searched in place of all parameters of a transform, and the change of these that they make."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.errors import Problem, RecipeError
from xmr.training.zeroth_order.base import seeded
from xmr.training.zeroth_order.settings import SubspaceSettings

KEPT = 5_000_000  # entries of a random matrix that are kept; a larger one is made again at each product
ROWS = 1024  # of a random matrix that are made at once
TILES = 4  # per side of an image
QUARTER = 0.25  # of the range of a pixel
Shapes = list[torch.Size]  # of the parameters, in the order in which they follow each other in theta


class Subspace(ABC):
    """size: d, how many numbers are searched. All of them in float64, on the CPU."""

    size: int

    def start(self) -> Tensor:
        """The z that changes nothing: (d,)."""
        return torch.zeros(self.size, dtype=torch.float64)

    @abstractmethod
    def change(self, z: Tensor) -> Tensor:
        """A(z): (d,) -> (D,)."""


class Everything(Subspace):
    """Every parameter on its own: A(z) = z."""

    def __init__(self, shapes: Shapes) -> None:
        self.size = sum(shape.numel() for shape in shapes)

    def change(self, z: Tensor) -> Tensor:
        """See `Subspace.change`."""
        return z


class LowFrequency(Subspace):
    """n x n values for each channel, resized bilinearly to an image (H, W), times 0.25."""

    def __init__(self, shapes: Shapes, side: int) -> None:
        self.shapes, self.side = shapes, side
        self.parts = [shape[:-2].numel() * side**2 for shape in shapes]
        self.size = sum(self.parts)

    def change(self, z: Tensor) -> Tensor:
        """See `Subspace.change`."""
        grids = [part.view(1, -1, self.side, self.side) for part in z.split(self.parts)]
        return torch.cat(
            [
                QUARTER * F.interpolate(grid, tuple(shape[-2:]), mode="bilinear").flatten()
                for grid, shape in zip(grids, self.shapes)
            ]
        )


class Gaussian:
    """A random matrix (D, k) with entries N(0, 1 / k), made from a seed; it keeps the root mean square of a vector."""

    def __init__(self, rows: int, columns: int, *seed: int) -> None:
        self.rows, self.columns, self.seed = rows, columns, seed
        self.kept = torch.cat(self._parts()) if rows * columns <= KEPT else None

    def __matmul__(self, z: Tensor) -> Tensor:
        """(k,) -> (D,)."""
        return self.kept.double() @ z if self.kept is not None else torch.cat([p.double() @ z for p in self._parts()])

    def _parts(self) -> list[Tensor]:
        return [
            torch.randn(min(ROWS, self.rows - at), self.columns, generator=seeded(*self.seed, at)) / self.columns**0.5
            for at in range(0, self.rows, ROWS)
        ]


class Random(Subspace):
    """A(z) = A z with a random matrix A."""

    def __init__(self, shapes: Shapes, size: int, *seed: int) -> None:
        self.size = size
        self.matrix = Gaussian(sum(shape.numel() for shape in shapes), size, *seed)

    def change(self, z: Tensor) -> Tensor:
        """See `Subspace.change`."""
        return self.matrix @ z


class LowRank(Subspace):
    """Block i of the parameters is changed by F_i Theta_i, with Theta = U diag(s) V^T + 1 v^T, (m, q), and F_i random.

    z is U (m, r), s (r), V (q, r) and v (q); U = 0, s = 1, V ~ N(0, 1), v = 0 at the start. blocks: indices of the
    parameters of each block.
    """

    def __init__(self, blocks: list[Tensor], size: int, rank: int, *seed: int) -> None:
        self.blocks, self.rank, self.seed = blocks, rank, seed
        self.width = max(1, size // len(blocks))
        self.parts = [len(blocks) * rank, rank, self.width * rank, self.width]
        self.size = sum(self.parts)
        self.matrices = [Gaussian(len(block), self.width, *seed, number) for number, block in enumerate(blocks)]

    def start(self) -> Tensor:
        """See `Subspace.start`."""
        m, r, qr, q = self.parts
        v = torch.randn(qr, generator=seeded(*self.seed, len(self.blocks)), dtype=torch.float64)
        return torch.cat([torch.zeros(m).double(), torch.ones(r).double(), v, torch.zeros(q).double()])

    def theta(self, z: Tensor) -> Tensor:
        """Theta, (m, q)."""
        u, s, v, shift = z.split(self.parts)
        return (u.view(-1, self.rank) * s) @ v.view(-1, self.rank).T + shift

    def change(self, z: Tensor) -> Tensor:
        """See `Subspace.change`."""
        changed = z.new_zeros(sum(map(len, self.blocks)))
        for block, matrix, row in zip(self.blocks, self.matrices, self.theta(z)):
            changed[block] = matrix @ row
        return changed


def blocks_of(shapes: Shapes, image: tuple[int, int] | None, most: int) -> list[Tensor]:
    """Indices of the parameters of each block: 4 x 4 tiles of what has the size of an image, otherwise rows.

    More than `most` are merged with those that follow.
    """
    blocks, begin = [], 0
    for shape in shapes:
        numbers = torch.arange(begin, begin + shape.numel()).view(shape)
        begin += shape.numel()
        if image is not None and tuple(shape[-2:]) == image and min(image) >= TILES:
            tiles = [strip.tensor_split(TILES, dim=-1) for strip in numbers.tensor_split(TILES, dim=-2)]
            blocks += [tile.flatten() for strip in tiles for tile in strip]
        else:
            blocks += [row.flatten() for row in (numbers if len(shape) > 1 else numbers[None])]
    at_once = math.ceil(len(blocks) / max(1, most))
    return [torch.cat(blocks[at : at + at_once]) for at in range(0, len(blocks), at_once)]


def make_subspace(
    settings: SubspaceSettings | None, shapes: Shapes, image: tuple[int, int] | None, *seed: int
) -> Subspace:
    """The subspace for parameters of these shapes. image: height and width of what the source takes, if images.

    Raises RecipeError for low frequencies of what is no image.
    """
    if settings is None:
        return Everything(shapes)
    if settings.kind == "random":
        return Random(shapes, settings.size or 100, *seed)
    if settings.kind == "low_rank":
        size = settings.size or 500
        return LowRank(blocks_of(shapes, image, max(1, size // settings.rank)), size, settings.rank, *seed)
    side = settings.size or 4
    other = [shape for shape in shapes if tuple(shape[-2:]) != image or side > min(shape[-2:])]
    if other:
        found = f"low_frequency of size {side} for a parameter of shape {tuple(other[0])}"
        expected = "random or low_rank, or a transform whose parameters all have the size of the source's images"
        raise RecipeError(Problem("training.subspace.kind", found, expected))
    return LowFrequency(shapes, side)
