"""Time series of one or more channels: missing values, unequal lengths and normalization, each by a stated rule."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
from annotated_types import Ge, Le, Lt

from xmr.core.kinds import SignalSet, SignalSpec
from xmr.core.kinds.signal import hop_of, windows_of
from xmr.data.readers.series import series_records
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.encoders.positions import shuffled_order
from xmr.encoders.state import numbers, whole
from xmr.tasks.base import task_class

FLAT = 1e-8  # a channel with a smaller standard deviation is constant: it becomes zeros


class SeriesEncoder(Encoder):
    """Series (C, L) of numbers, brought to one length and scale.

    A missing value is interpolated or set to zero after normalization (the mean); missing values at the end of every
    channel are the end of the series. A constant channel becomes zeros.

    Args:
        length: series of unequal length are padded with masked zeros, stretched to one length, truncated, or split
            into overlapping windows whose predictions are pooled; `fail` refuses them. Longer series than in training
            are refused by `pad` and `fail`.
        size: samples of the common length or of a window; null: the longest training series (`truncate`, `window`:
            the shortest).
        overlap: fraction of a window that neighboring windows have in common.
        missing: interpolated between their neighbors, set to the mean, or refused.
        normalize: mean 0 and standard deviation 1 of each channel of each series, of each series over all channels, by
            the training series' statistics of each channel, or not at all.
        shuffle: control; `positions` permutes the samples of every series in one fixed order.
    """

    emits: ClassVar[str] = "signal"
    reads: ClassVar[str] = "series"

    def __init__(
        self,
        length: Literal["pad", "resample", "truncate", "window", "fail"] = "pad",
        size: Annotated[int, Ge(2), Le(100_000)] | None = None,
        overlap: Annotated[float, Ge(0), Lt(1)] = 0.5,
        missing: Literal["interpolate", "zero", "fail"] = "interpolate",
        normalize: Literal["channel", "series", "train", "none"] = "channel",
        shuffle: Literal["none", "positions"] = "none",
    ) -> None:
        self.length, self.size, self.overlap = length, size, overlap
        self.missing, self.normalize, self.shuffle = missing, normalize, shuffle
        self.samples: int | None = None
        self.channels: int | None = None
        self.mean: list[float] = []
        self.std: list[float] = []

    @property
    def spec(self) -> SignalSpec:
        """Channels and samples, known once `fit` was called."""
        assert self.channels is not None
        assert self.samples is not None
        return SignalSpec(self.channels, self.samples)

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Series without two numbers, with infinite or (where refused) missing values, too long, of other channels."""
        if records.arrays is None:
            return dict.fromkeys(range(len(records)), "found text; expected series of numbers")
        values = records.arrays
        lengths, known = _lengths(values), ~np.isnan(values)
        wrong: dict[int, str] = {}
        limit = self.samples if fitted and self.length in ("pad", "fail") else None
        endless = np.isinf(values).any(axis=(1, 2))
        inside = np.arange(values.shape[2]) < lengths[:, None]
        gaps = (inside[:, None] & ~known).any(axis=(1, 2)) if self.missing == "fail" else np.zeros(len(values), bool)
        counts = np.bincount(lengths)[::-1] if len(lengths) else np.zeros(1)
        common = len(counts) - 1 - int(np.argmax(counts))  # what most have, the longest of several
        used = known.any(axis=2)
        for i in range(len(values)):
            if lengths[i] < 2 or known[i].sum() < 2:
                wrong[i] = f"found a series of {int(known[i].sum())} values; expected at least 2"
            elif endless[i]:
                wrong[i] = "found infinite values; expected finite numbers, or NaN where one is missing"
            elif gaps[i]:
                wrong[i] = "found missing values; expected none, or encoder.missing: interpolate"
            elif self.length == "fail" and not fitted and lengths[i] != common:
                wrong[i] = f"found {lengths[i]} samples; expected {common} like most, or encoder.length: resample"
            elif limit is not None and (lengths[i] > limit or (self.length == "fail" and lengths[i] != limit)):
                bound = "at most " if self.length == "pad" else ""
                wrong[i] = (
                    f"found {lengths[i]} samples; expected {bound}{limit} as in training, "
                    "or encoder.length: resample, truncate or window"
                )
            elif fitted and self.channels is not None and int(used[i].nonzero()[0].max()) + 1 > self.channels:
                found = int(used[i].nonzero()[0].max()) + 1
                wrong[i] = f"found {found} channels; expected {self.channels} as in training"
            elif fitted and self.channels is not None and values.shape[1] < self.channels:
                wrong[i] = f"found {values.shape[1]} channels; expected {self.channels} as in training"
        return wrong

    def fit(self, records: Records) -> Self:
        """The common length, the channels, and (`normalize: train`) the statistics of each channel."""
        assert records.arrays is not None
        lengths = _lengths(records.arrays)
        longest = self.length in ("pad", "resample", "fail")
        self.samples = self.size or int(lengths.max() if longest else lengths.min())
        self.channels = int(np.flatnonzero((~np.isnan(records.arrays)).any(axis=(0, 2))).max()) + 1
        values = records.arrays[:, : self.channels]
        self.mean = np.atleast_1d(np.nanmean(values, axis=(0, 2), dtype=np.float64)).tolist()
        self.std = np.atleast_1d(np.nanstd(values, axis=(0, 2), dtype=np.float64)).tolist()
        return self

    def encode(self, records: Records) -> SignalSet:
        """All series at once. Raises DataError for what `check` would have named."""
        self.require_valid(records)
        assert records.arrays is not None
        assert self.samples is not None
        lengths = _lengths(records.arrays)
        values = records.arrays[:, : self.channels].astype(np.float32)
        values = self._filled(self._normalized(values), lengths)
        owner = start = None
        if self.length == "resample":
            values, lengths = _stretched(values, lengths, self.samples), np.full(len(values), self.samples)
        elif self.length == "window" and len(values):
            owner, start = windows_of(lengths, self.samples, hop_of(self.samples, self.overlap))
            values = _fit_width(values, max(values.shape[2], self.samples))
            values = np.lib.stride_tricks.sliding_window_view(values, self.samples, axis=2)[owner, :, start]
            lengths = np.minimum(lengths[owner] - start, self.samples)
        else:
            values, lengths = _fit_width(values, self.samples), np.minimum(lengths, self.samples)
        if self.shuffle == "positions":
            values = values[:, :, shuffled_order(values.shape[2])]
            lengths = np.full(len(values), self.samples)
        return SignalSet(values, lengths, owner, start)

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """The number of samples, and the fraction of missing values."""
        assert records.arrays is not None
        lengths = _lengths(records.arrays)
        known = (~np.isnan(records.arrays)).sum(axis=(1, 2))
        return {
            "the length": lengths.astype(float),
            "the fraction of missing values": 1 - known / np.maximum(1, lengths * records.arrays.shape[1]),
        }

    def numbers(self, records: Records) -> dict[str, np.ndarray]:
        """The first two and the last two samples of each channel."""
        assert records.arrays is not None
        _, channels, samples = records.arrays.shape
        edges = sorted({place % samples for place in (0, 1, -2, -1)}) if samples > 1 else []
        return {
            f"sample {place + 1} of channel {channel + 1}": records.arrays[:, channel, place].astype(float)
            for channel in range(channels)
            for place in edges
        }

    def _normalized(self, values: np.ndarray) -> np.ndarray:
        """Mean 0 and standard deviation 1 by the chosen statistics; NaN stays NaN."""
        if self.normalize == "none" or not values.size:
            return values
        mean: np.ndarray
        if self.normalize == "train":
            mean = np.array(self.mean)[None, :, None]
            std = np.array(self.std)[None, :, None]
        else:
            axes = (2,) if self.normalize == "channel" else (1, 2)
            known = ~np.isnan(values)
            n = np.maximum(known.sum(axis=axes, keepdims=True), 1)
            mean = np.where(known, values, 0).sum(axis=axes, keepdims=True, dtype=np.float64) / n
            square = np.where(known, (values - mean) ** 2, 0).sum(axis=axes, keepdims=True, dtype=np.float64) / n
            std = np.sqrt(square)
        flat = std <= FLAT * (1 + np.abs(mean))
        return np.where(flat, np.where(np.isnan(values), np.nan, 0), (values - mean) / np.where(flat, 1, std)).astype(
            np.float32
        )

    def _filled(self, values: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """No NaN left: gaps interpolated (or zero), zeros behind the end."""
        gaps = np.isnan(values)
        if self.missing == "interpolate":
            inside = np.arange(values.shape[2]) < lengths[:, None]
            rows, columns = np.nonzero((gaps & inside[:, None]).any(axis=2) & (~gaps).any(axis=2))
            for row, column in zip(rows, columns):  # only channels that do have gaps
                series, n = values[row, column], int(lengths[row])
                known = np.flatnonzero(~gaps[row, column, :n])
                series[:n] = np.interp(np.arange(n), known, series[known])
        return np.nan_to_num(values, nan=0.0)

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """An array (n, length) or (n, channels, length) of numbers, or a list of series of several lengths."""
        if isinstance(X, list | tuple) and len({np.shape(row)[-1:] for row in X}) > 1:
            rows = [np.asarray(row) for row in X]
            rows = [row[None] if row.ndim == 1 else row for row in rows]
            if any(row.ndim != 2 or row.dtype.kind not in "fiu" or not row.size for row in rows):
                raise ValueError("found a list of other things; expected series (length,) or (channels, length)")
            return series_records(rows, None, "<memory>")
        values = np.asarray(X)
        values = values[:, None] if values.ndim == 2 else values
        if values.ndim != 3 or values.dtype.kind not in "fiu":
            raise ValueError(f"found an array of shape {values.shape}; expected (n, length) or (n, channels, length)")
        return series_records(values.astype(np.float32), None, "<memory>")

    def state(self) -> dict[str, Any]:
        """See `Encoder.state`."""
        return {"samples": self.samples, "channels": self.channels, "mean": self.mean, "std": self.std}

    def restore(self, state: dict[str, Any]) -> Self:
        """See `Encoder.restore`."""
        self.samples, self.channels = whole(state, "samples", 1), whole(state, "channels", 1)
        self.mean, self.std = (numbers(state, key, self.channels) for key in ("mean", "std"))
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Sines of two frequencies in noise, two channels, 64 samples."""
        rng = np.random.default_rng(seed)
        kind = np.arange(n) % 2
        clock = np.arange(64) / 64
        waves = np.sin(2 * np.pi * (clock * (2 + 3 * kind[:, None]) + rng.random((n, 1))))
        values = np.stack([waves, -0.5 * waves], axis=1) + 0.3 * rng.standard_normal((n, 2, 64))
        scores = 0.1 * rng.standard_normal(n) - kind
        records = series_records(values, None, "<example>", ids=[str(i) for i in range(n)])
        records.labels = task_class(task).example_labels(scores.tolist(), (kind == 0).tolist())
        return records

    def canonical(self, records: Records) -> list[str]:
        """Digests of the numbers up to the end of each series, whatever the longest of its file is."""
        if records.arrays is None:
            return records.inputs
        rows = zip(records.arrays, _lengths(records.arrays))
        return [hashlib.sha256(np.ascontiguousarray(row[:, :n]).tobytes()).hexdigest()[:24] for row, n in rows]


def _lengths(values: np.ndarray) -> np.ndarray:
    """(n, C, L) with NaN behind the end -> (n,) samples up to the last value of any channel."""
    known = (~np.isnan(values)).any(axis=1)
    if not values.shape[2]:
        return np.zeros(len(values), np.int64)
    return np.where(known.any(axis=1), values.shape[2] - np.argmax(known[:, ::-1], axis=1), 0)


def _fit_width(values: np.ndarray, width: int) -> np.ndarray:
    """Cut, or pad with zeros, to `width` samples."""
    missing = width - values.shape[2]
    return np.pad(values, ((0, 0), (0, 0), (0, missing))) if missing > 0 else values[:, :, :width]


def _stretched(values: np.ndarray, lengths: np.ndarray, samples: int) -> np.ndarray:
    """Every series linearly interpolated to `samples`, all at once."""
    if values.shape[2] == samples and (lengths == samples).all():
        return values
    place = np.arange(samples)[None] * (np.maximum(lengths, 1)[:, None] - 1) / max(1, samples - 1)
    left = np.floor(place).astype(np.int64)
    right = np.minimum(left + 1, np.maximum(lengths, 1)[:, None] - 1)
    share = (place - left)[:, None].astype(np.float32)
    low, high = (np.take_along_axis(values, index[:, None], axis=2) for index in (left, right))
    return low * (1 - share) + high * share
