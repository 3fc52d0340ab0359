"""An encoded data set of signals, shared by time series and audio: equal lengths, or right-padded, or windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from xmr.core.spaces import SignalBatch, Windows
from xmr.encoders.fixed import kept

PREDICT_RECORDS = 64  # records a batch when predicting


class SignalSet:
    """n records as rows of values (rows, C, L) float32, zero behind each row's end. Satisfies `EncodedSet`.

    lengths: (rows,) samples in use; owner: (rows,) the record each row is a window of, ascending, or None where every
    row is a record; start: (rows,) where each window begins.
    """

    records_at_once: int | None = PREDICT_RECORDS

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
        self.fixed: Tensor | None = None

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
        index = torch.from_numpy(rows)
        length = self.values.shape[2]
        lengths = torch.from_numpy(self.lengths[rows])
        mask = torch.arange(length) < lengths[:, None]
        fixed = None if self.fixed is None else self.fixed[index]
        return SignalBatch(self.values[index], mask, bool((lengths == length).all()), fixed, windows)

    def align(self, flat: Tensor, records: np.ndarray, fill: int) -> Tensor:
        """Signals have no per-position labels."""
        raise NotImplementedError("signals have no per-position labels")

    def fix(self, compute: Callable[[SignalBatch], Tensor]) -> None:
        """Keep what a transform computes of each row without its parameters; nothing where that is too much."""

        def made(rows: np.ndarray) -> Tensor:
            values = self.values[torch.from_numpy(rows)]
            mask = torch.arange(values.shape[2]) < torch.from_numpy(self.lengths[rows])[:, None]
            return compute(SignalBatch(values, mask, bool(mask.all())))

        self.fixed = kept(made, len(self.values))


def windows_of(lengths: np.ndarray, size: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of `size` samples every `hop` that cover each record: (owner, start); the last one ends at its end."""
    counts = np.maximum(1, -(-(lengths - size) // hop) + 1)
    owner = np.repeat(np.arange(len(lengths)), counts)
    number = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = np.minimum(number * hop, np.maximum(0, lengths[owner] - size))
    return owner, start


def on_device(signal: SignalBatch, device: torch.device) -> SignalBatch:
    """The batch on a device."""
    windows = signal.windows
    if windows is not None:
        windows = replace(windows, owner=windows.owner.to(device), start=windows.start.to(device))
    fixed = None if signal.fixed is None else signal.fixed.to(device, non_blocking=True)
    return SignalBatch(signal.values.to(device, non_blocking=True), signal.mask.to(device), signal.full, fixed, windows)
