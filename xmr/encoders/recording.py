"""A sound file as one channel of samples, read in blocks and never by the length that it announces."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from xmr.errors import require

LARGEST = 1 << 27  # samples of one file that may be in memory: 512 MiB, or 140 minutes at 16,000 per second
BLOCK = 1 << 20  # numbers read at a time, all channels
RATES = (100, 10_000_000)  # samples per second
LOUDEST = 2.0**31  # of integers written as floats; beyond it sums overflow
_UNKNOWN = 1 << 62  # libsndfile's number of samples for a stream that does not say how long it is: 2^63 - 1
_NO_PLACE = 39  # libsndfile's error for the place behind the last sample of such a stream


class Recording:
    """An open sound file: `rate`, `frames` (samples of each channel), and `part`, the mean of all channels.

    Raises ValueError ("found ...; expected ...") for what is no sound, is damaged, or is too long.
    """

    def __init__(self, path: Path) -> None:
        self._library = require("soundfile", "audio", "reading sound files")
        if path.suffix.lower() == ".raw":
            raise ValueError("found raw samples, which do not state their rate; expected WAV, FLAC, OGG or the like")
        try:
            self._file = self._library.SoundFile(os.fsencode(path))
        except self._library.LibsndfileError as error:
            raise _damaged(error) from None
        self.rate: int = self._file.samplerate
        self.frames: int = self._file.frames
        self._held: np.ndarray | None = None

    def __enter__(self) -> Self:
        """Check the rate, and read the whole file if it does not state its length."""
        slowest, fastest = RATES
        try:
            if not slowest <= self.rate <= fastest:
                raise ValueError(f"found {self.rate:,} samples per second; expected {slowest} to {fastest:,}")
            if self.frames >= _UNKNOWN:
                self._held = self._to_the_end()
                self.frames = len(self._held)
        except ValueError:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        self._file.close()

    def part(self, start: int, frames: int) -> np.ndarray:
        """Frames from `start` on, all channels averaged: (frames,) float32, fewer at the end."""
        frames = min(frames, self.frames - start)
        if frames > LARGEST:
            raise too_long(frames)
        if self._held is not None:
            return self._held[start : start + frames]
        step = max(1, BLOCK // self._file.channels)
        made: list[np.ndarray] = []
        try:
            self._file.seek(start)
            for begin in range(0, frames, step):
                wanted = min(step, frames - begin)
                block = self._file.read(wanted, dtype="float32", always_2d=True)
                made.append(_averaged(block))
                if len(block) < wanted:
                    found = start + begin + len(block)
                    raise ValueError(f"found {found} samples where {self.frames} are announced; expected all of them")
        except self._library.LibsndfileError as error:
            raise _damaged(error) from None
        return made[0] if len(made) == 1 else np.concatenate(made)

    def _to_the_end(self) -> np.ndarray:
        """All samples of a stream of unknown length.

        libsndfile cannot stand behind its last sample, so soundfile raises an error once that is read: what was read
        is known by what is no longer NaN.
        """
        made: list[np.ndarray] = []
        block = np.empty((max(1, BLOCK // self._file.channels), self._file.channels), np.float32)
        total, ended = 0, False
        while not ended:
            block.fill(np.nan)
            try:
                read = len(self._file.read(out=block))
                ended = read < len(block)
            except self._library.LibsndfileError as error:
                if error.code != _NO_PLACE:
                    raise _damaged(error) from None
                read, ended = int(np.isfinite(block[:, 0]).sum()), True
            made.append(_averaged(block[:read]))
            total += read
            if total > LARGEST:
                raise too_long(total)
        return np.concatenate(made)


def too_long(samples: int) -> ValueError:
    """The error for what would take too much memory."""
    expected = "its parts as files of their own, a smaller encoder.overlap, or encoder.trim_silence: false"
    return ValueError(f"found {samples:,} samples to be held at once; expected at most {LARGEST:,}: {expected}")


def _averaged(block: np.ndarray) -> np.ndarray:
    """(frames, channels) -> (frames,)."""
    peak = float(np.abs(block).max(initial=0))
    if not np.isfinite(peak):
        raise ValueError("found samples that are not finite; expected numbers")
    if peak > LOUDEST:
        raise ValueError(f"found a sample of {peak:.3g}; expected at most {LOUDEST:,.0f} in size")
    return block.mean(axis=1)


def _damaged(error: Exception) -> ValueError:
    reason = str(error).partition(": ")[2] or str(error)
    return ValueError(f"found a file that is no sound or is damaged ({reason[:80]}); expected a whole one")
