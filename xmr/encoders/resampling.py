"""From one sample rate to another by a windowed sinc, in memory that does not depend on how the rates divide."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from xmr.errors import require

LARGEST_KERNEL = 1 << 20  # numbers: torchaudio builds its kernel of all phases, which usual rates keep far below this
ZEROS, ROLLOFF = (
    6,
    0.99,
)  # of the sinc: zero crossings on each side, and the cutoff as a fraction of the lower Nyquist rate
AT_ONCE = 1 << 20  # numbers


def resampled(wave: np.ndarray, old: int, new: int) -> np.ndarray:
    """(n,) float32 at `old` samples per second -> (ceil(n new / old),) float32 at `new`, which are kept as they are.

    Where the rates share a large factor by torchaudio. Otherwise (44,099 and 16,000) its kernel would take gigabytes,
    and the same filter is evaluated sample by sample, in double precision: slower, and no rate is rounded to another.
    """
    if old == new:
        return wave
    divisor = math.gcd(old, new)
    old, new = old // divisor, new // divisor
    reach = _reach(old, new)
    if new * (2 * reach + old) <= LARGEST_KERNEL:
        return _resampler(old, new)(torch.from_numpy(wave)).numpy()
    return _sample_by_sample(wave, old, new, reach)


def _reach(old: int, new: int) -> int:
    """How many samples on each side the filter covers."""
    return math.ceil(ZEROS * old / (min(old, new) * ROLLOFF))


@lru_cache(maxsize=32)
def _resampler(old: int, new: int) -> Any:
    """torchaudio's own, its kernel worked out once for a pair of rates."""
    return require("torchaudio.transforms", "audio", "resampling").Resample(old, new)


def _sample_by_sample(wave: np.ndarray, old: int, new: int, reach: int) -> np.ndarray:
    """torchaudio's Hann-windowed sinc, evaluated for each sample that comes out, a block of them at a time."""
    made = np.empty(-(-len(wave) * new // old), np.float32)
    padded = np.pad(wave, (reach, reach + 2))
    taps = np.arange(-reach, reach + 2)
    step = max(1, AT_ONCE // len(taps))
    scale = min(old, new) * ROLLOFF / old  # zero crossings per sample that goes in
    for begin in range(0, len(made), step):
        at = np.arange(begin, min(begin + step, len(made)), dtype=np.int64) * old
        whole, rest = at // new, (at % new) / new
        distance = ((taps - rest[:, None]) * scale).clip(-ZEROS, ZEROS)
        kernel = np.sinc(distance) * np.square(np.cos(distance * (math.pi / (2 * ZEROS)))) * scale
        heard = padded[whole[:, None] + (taps + reach)]
        made[begin : begin + step] = np.einsum("jt,jt->j", kernel, heard)
    return made
