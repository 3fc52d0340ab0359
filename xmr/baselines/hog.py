"""Histograms of oriented gradients of images, for a support vector machine: Dalal and Triggs 2005."""

from __future__ import annotations

import numpy as np

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict, svm

ORIENTATIONS, CELLS, BLOCK, CLIPPED = 9, 8, 2, 0.2


def hog_svm(data: BaselineInput) -> np.ndarray:
    """A support vector machine on histograms of oriented gradients: (n, K)."""
    learned, middle, test = (gradients(np.asarray(data.sets[part].values)) for part in ("train", "validation", "test"))
    return fit_and_predict(svm, np.concatenate([learned, middle]), test, data)


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
