"""Histograms of oriented gradients of images: Dalal and Triggs 2005."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import ImageBatch, ImageSpec
from xmr.outputs.domain_features.base import DomainFeatures

ORIENTATIONS, CELLS, BLOCK, CLIPPED = 9, 8, 2, 0.2


class Hog(DomainFeatures):
    """Histograms of 9 orientations in about 8 x 8 cells, normalized in blocks of 2 x 2 (Dalal and Triggs 2005)."""

    reads: ClassVar[str] = "image"

    def build(self, spec: ImageSpec) -> Self:
        """See `DomainFeatures.build`."""
        self.width = gradients(np.zeros((1, spec.height, spec.width, spec.channels), np.float32)).shape[1]
        return self

    def forward(self, encoded: ImageBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`."""
        images = encoded.values.permute(0, 2, 3, 1).cpu().numpy()
        return torch.from_numpy(gradients(np.rint(images * 255))).to(encoded.values.device)


def gradients(images: np.ndarray) -> np.ndarray:
    """Images (n, H, W, C) -> histograms of about 8 x 8 cells, normalized in blocks of 2 x 2: (n, F).

    As scikit-image's `hog` with 9 orientations and L2-Hys, for square cells of whole pixels.
    """
    n, height, width = images.shape[:3]
    cell = max(1, round(min(height, width) / CELLS)) if min(height, width) > CELLS else min(2, height, width)
    rows, columns = height // cell, width // cell
    histograms = np.zeros((n, rows, columns, ORIENTATIONS), np.float32)
    for begin in range(0, n, 256):
        part = images[begin : begin + 256].astype(np.float32)
        dy, dx = np.zeros_like(part), np.zeros_like(part)
        dy[:, 1:-1], dx[:, :, 1:-1] = part[:, 2:] - part[:, :-2], part[:, :, 2:] - part[:, :, :-2]
        size = np.hypot(dy, dx)
        strongest = size.argmax(axis=3)[..., None]  # channel
        dy, dx, size = (np.take_along_axis(x, strongest, axis=3)[..., 0] for x in (dy, dx, size))
        bins = (np.rad2deg(np.arctan2(dy, dx)) % 180 // (180 / ORIENTATIONS)).astype(int) % ORIENTATIONS
        for orientation in range(ORIENTATIONS):
            held = np.where(bins == orientation, size, 0)[:, : rows * cell, : columns * cell]
            cells = held.reshape(len(part), rows, cell, columns, cell).mean(axis=(2, 4))
            histograms[begin : begin + len(part), ..., orientation] = cells
    block = min(BLOCK, rows, columns)
    down, across = rows - block + 1, columns - block + 1
    places = [(i, j) for i in range(block) for j in range(block)]
    flat = np.concatenate([histograms[:, i : i + down, j : j + across] for i, j in places], axis=3)
    clipped = np.minimum(_unit(flat), CLIPPED)
    return _unit(clipped).reshape(n, down * across * flat.shape[3])


def _unit(blocks: np.ndarray) -> np.ndarray:
    """Each block divided by its length."""
    return blocks / np.sqrt((blocks**2).sum(axis=3, keepdims=True) + 1e-10)
