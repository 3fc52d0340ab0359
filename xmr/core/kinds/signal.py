"""Signals, shared by time series and audio: equal lengths, or right-padded, or windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xmr.core.kinds.base import Batch, EncodedSet, Spec, Windows, cached_rows, spans


@dataclass(frozen=True)
class SignalSpec(Spec):
    """The shape of every signal of a target domain: channels C, samples L, samples per second (or None)."""

    channels: int
    length: int
    rate: int | None = None


@dataclass(frozen=True)
class SignalBatch(Batch):
    """Signals. values: (B, C, L), zero where the mask is False; mask: (B, L), True at samples, right-padded."""

    values: Float[Tensor, "B C L"]
    mask: Bool[Tensor, "B L"]
    full: bool = False
    precomputed: Tensor | None = None
    windows: Windows | None = None

    def row(self, index: int) -> Tensor:
        """See `Batch.row`: (C, samples)."""
        return self.values[index][:, self.mask[index]]

    def describe(self, spec: SignalSpec) -> str:
        """See `Batch.describe`."""
        return f"signals {tuple(self.values.shape)}"

    def problems(self, spec: SignalSpec) -> list[str]:
        """See `Batch.problems`."""
        found = []
        if self.values.shape[1:] != (spec.channels, spec.length):
            found.append(f"signals {tuple(self.values.shape[1:])} differ from {spec}")
        if self.full != bool(self.mask.all()):
            found.append("`full` disagrees with the mask")
        if bool((self.values != 0)[~self.mask[:, None].expand_as(self.values)].any()):
            found.append("values behind the end are not zero")
        return found

    def patches(self, most: int = 24) -> Tensor:
        """See `Batch.patches`: (B, L)."""
        return spans(self.mask, most)

    def hide(self, patches: Tensor, patch: int, spec: SignalSpec) -> SignalBatch:
        """The stretch takes its record's mean."""
        used = self.mask[:, None]
        mean = (self.values * used).sum(dim=2, keepdim=True) / used.sum(dim=2, keepdim=True)
        values = torch.where((patches == patch)[:, None], mean, self.values)
        return replace(self, values=values, precomputed=None)

    def display(self, row: int, spec: SignalSpec) -> np.ndarray:
        """The channels: (C, samples)."""
        return self.row(row).numpy()


class SignalSet(EncodedSet):
    """n records as rows of values (rows, C, L) float32, zero behind each row's end.

    lengths: (rows,) samples in use; owner: (rows,) the record each row is a window of, ascending, or None where every
    row is a record; start: (rows,) where each window begins.
    """

    records_per_batch: int | None = 24  # with more, a CPU spends its time on new memory

    def __init__(
        self, values: np.ndarray, lengths: np.ndarray, owner: np.ndarray | None = None, start: np.ndarray | None = None
    ) -> None:
        self.values, self.lengths = torch.from_numpy(np.ascontiguousarray(values)), lengths.astype(np.int64)
        self.owner, self.start = owner, start
        self.count = len(values) if owner is None else int(owner.max(initial=-1)) + 1
        self.rows = np.ones(self.count, np.int64) if owner is None else np.bincount(owner, minlength=self.count)
        self.begin = np.concatenate([[0], np.cumsum(self.rows)])
        self.cost = self.rows.astype(np.int64)
        self.width = np.ones(self.count, dtype=np.int64)
        self.cached: Tensor | None = None

    def __len__(self) -> int:
        """Number of records."""
        return self.count

    def batch(self, records: np.ndarray) -> SignalBatch:
        """The signals of these records in this order: (B, C, L)."""
        records = np.asarray(records)
        rows, windows = records, None
        if self.owner is not None:
            counts = self.rows[records]
            owner = np.repeat(np.arange(len(records)), counts)
            rows = np.repeat(self.begin[records] - np.cumsum(counts) + counts, counts) + np.arange(len(owner))
            assert self.start is not None
            windows = Windows(torch.from_numpy(owner), torch.from_numpy(self.start[rows]), None, len(records))
        return self._rows(rows, None if self.cached is None else self.cached[torch.from_numpy(rows)], windows)

    def _rows(self, rows: np.ndarray, cached: Tensor | None = None, windows: Windows | None = None) -> SignalBatch:
        mask = torch.arange(self.values.shape[2]) < torch.from_numpy(self.lengths[rows])[:, None]
        return SignalBatch(self.values[torch.from_numpy(rows)], mask, bool(mask.all()), cached, windows)

    def cache(self, compute: Callable[[Batch], Tensor]) -> None:
        """See `EncodedSet.cache`."""
        self.cached = cached_rows(lambda rows: compute(self._rows(rows)), len(self.values))


def hop_of(size: int, overlap: float) -> int:
    """Samples from the start of one window of `size` to the next; overlap: the fraction that two neighbors share."""
    return max(1, round(round((1 - overlap) * size, 6)))  # rounded first: 1 - 0.9 is a little below 0.1


def windows_of(lengths: np.ndarray, size: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of `size` samples every `hop` that cover each record: (owner, start); the last one ends at its end."""
    counts = np.maximum(1, -(-(lengths - size) // hop) + 1)
    owner = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.minimum(number * hop, np.maximum(0, lengths[owner] - size))
    return owner, start


def window_scale(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of each signal, (B, C, 1) each: reversible instance normalization
    (RevIN).
    """
    mean = values.mean(dim=2, keepdim=True)
    return mean, (values.var(dim=2, keepdim=True, correction=0) + 1e-5).sqrt()
