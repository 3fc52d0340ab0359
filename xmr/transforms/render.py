"""Signals rendered as images: spectrogram, Gramian angular field, recurrence plot, stacked segments; batched.

Each encoding maps (B, L) to (B, h, w) in [0, 1] and has no parameters; an image depends only on its record.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Encoding = Literal["spectrogram", "gramian", "recurrence", "segments"]
MOST = 160  # a longer signal is averaged down to this many samples before an L x L image


def unit(values: Tensor) -> Tensor:
    """(B, ...) -> the same in [0, 1], each record by its own minimum and maximum; a constant becomes 0.5."""
    flat = values.flatten(1)
    low, high = flat.amin(dim=1), flat.amax(dim=1)
    span = high - low
    shape = (-1, *[1] * (values.ndim - 1))
    made = (values - low.reshape(shape)) / span.clamp(min=1e-12).reshape(shape)
    return torch.where((span > 1e-12).reshape(shape), made, 0.5)


def differences(values: Tensor, mask: Tensor) -> Tensor:
    """First differences in units of the record's root mean square: (B, L); the first one is 0.

    mask: (B, L), True at samples; the step to zero at the start of the padding does not count.
    """
    steps = F.pad(values[:, 1:] - values[:, :-1], (1, 0)) * mask
    mean = steps.square().sum(dim=1, keepdim=True) / mask.sum(dim=1, keepdim=True).clamp(min=1)
    return steps / mean.sqrt().clamp(min=1e-12)


def fixed_range(values: Tensor) -> Tensor:
    """Numbers of mean 0 and standard deviation 1 mapped to [0, 1]: three standard deviations either side of 0.5,
    clipped.
    """
    return (values / 6 + 0.5).clamp(0, 1)


def shortened(values: Tensor) -> Tensor:
    """(B, L) averaged to at most 160 samples."""
    return values if values.shape[1] <= MOST else F.adaptive_avg_pool1d(values[:, None], MOST)[:, 0]


def gramian(levels: Tensor) -> Tensor:
    """cos(phi_i + phi_j) with phi = arccos of values in [0, 1] mapped to [-1, 1]: (B, L, L). Source: arXiv
    1506.00327.
    """
    x = shortened(levels) * 2 - 1
    y = (1 - x.square()).clamp(min=0).sqrt()
    return (x[:, :, None] * x[:, None] - y[:, :, None] * y[:, None] + 1) / 2


def recurrence(levels: Tensor) -> Tensor:
    """1 - |x_i - x_j| of values in [0, 1]: (B, L, L), white where the signal recurs. Eckmann et al. 1987."""
    x = shortened(levels)
    return 1 - (x[:, :, None] - x[:, None]).abs()


def segments(levels: Tensor, size: float = 1.0) -> Tensor:
    """Overlapping segments of size x sqrt(L) samples, one per row: (B, rows, samples). TiViT, arXiv 2506.08641."""
    length = levels.shape[1]
    width = min(length, max(2, round(size * math.sqrt(length))))
    step = max(1, width // 4)
    missing = -(length - width) % step
    return F.pad(levels[:, None], (0, missing), mode="replicate")[:, 0].unfold(1, width, step)


def spectrogram(values: Tensor) -> Tensor:
    """Log magnitude of a short-time Fourier transform, low frequencies at the bottom: (B, F, T)."""
    length = values.shape[1]
    size = max(4, min(256, 2 ** round(math.log2(max(4.0, 2 * math.sqrt(length))))))
    hop = max(1, size // 8)
    window = torch.hann_window(size, dtype=values.dtype, device=values.device)
    mode = "reflect" if size // 2 < length else "constant"
    found = torch.stft(values, size, hop, size, window, center=True, pad_mode=mode, return_complex=True).abs()
    return unit(torch.log1p(10 * found / found.flatten(1).amax(dim=1).clamp(min=1e-12)[:, None, None])).flip(1)


def mosaic(pictures: Tensor) -> Tensor:
    """(B, C, h, w) -> one image (B, H, W): the channels in a square grid, row by row."""
    rows, channels, height, width = pictures.shape
    side = math.ceil(math.sqrt(channels))
    lines = -(-channels // side)
    filled = F.pad(pictures, (0, 0, 0, 0, 0, side * lines - channels))
    grid = filled.reshape(rows, lines, side, height, width)
    return grid.permute(0, 1, 3, 2, 4).reshape(rows, lines * height, side * width)
