"""Images of one size and number of channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from xmr.core.kinds.base import Batch, EncodedSet, Spec, cached_rows


@dataclass(frozen=True)
class ImageSpec(Spec):
    """What every image of a target domain looks like: channels C (1 or 3), height and width in pixels."""

    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class ImageBatch(Batch):
    """Images. values: (B, C, H, W) in [0, 1]."""

    values: Float[Tensor, "B C H W"]
    precomputed: Tensor | None = None

    def row(self, index: int) -> Tensor:
        """See `Batch.row`: (C, H, W)."""
        return self.values[index]

    def describe(self, spec: ImageSpec) -> str:
        """See `Batch.describe`."""
        return f"images {tuple(self.values.shape)}"

    def problems(self, spec: ImageSpec) -> list[str]:
        """See `Batch.problems`."""
        found = []
        if self.values.shape[1:] != (spec.channels, spec.height, spec.width):
            found.append(f"images {tuple(self.values.shape[1:])} differ from {spec}")
        if not 0 <= float(self.values.min()) <= float(self.values.max()) <= 1:
            found.append("pixels lie outside [0, 1]")
        return found

    def patches(self, most: int = 6) -> Tensor:
        """See `Batch.patches`: (B, H, W), numbered row by row."""
        rows, _, height, width = self.values.shape
        down, across = (torch.arange(size) * most // size for size in (height, width))
        return (down[:, None] * most + across).expand(rows, -1, -1)

    def hide(self, patches: Tensor, patch: int, spec: ImageSpec) -> ImageBatch:
        """The patch takes the image's mean color."""
        color = self.values.mean(dim=(2, 3), keepdim=True)
        return ImageBatch(torch.where(patches[:, None] == patch, color, self.values))

    def display(self, row: int, spec: ImageSpec) -> np.ndarray:
        """The image: (C, H, W)."""
        return self.values[row].numpy()


class ImageSet(EncodedSet):
    """An encoded data set of images: (n, H, W, C) uint8, in memory or memory-mapped."""

    records_per_batch: int | None = 24  # with more, a CPU spends its time on new memory

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.cost = np.ones(len(values), dtype=np.int64)
        self.width = self.cost
        self.cached: Tensor | None = None

    def __len__(self) -> int:
        """Number of records."""
        return len(self.values)

    def batch(self, records: np.ndarray) -> ImageBatch:
        """The images of these records in this order: (B, C, H, W) in [0, 1]."""
        index = np.asarray(records)
        chosen = torch.from_numpy(np.ascontiguousarray(self.values[index]))
        cached = None if self.cached is None else self.cached[torch.from_numpy(index)]
        return ImageBatch(chosen.permute(0, 3, 1, 2).float().div_(255), cached)

    def cache(self, compute: Callable[[Batch], Tensor]) -> None:
        """See `EncodedSet.cache`."""
        self.cached = None
        self.cached = cached_rows(lambda rows: compute(self.batch(rows)), len(self))
