"""Symbol sequences of any length, encoded once into flat arrays; batches are cut from them without Python loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xmr.spaces import Symbols, Windows


@dataclass(frozen=True)
class Rows:
    """The rows a data set is fed as: a record shorter than the limit is one row, a longer one several windows.

    record, start, length: (rows,) int64; first: (records + 1,) where each record's rows begin.
    """

    record: np.ndarray
    start: np.ndarray
    length: np.ndarray
    first: np.ndarray


def plan_rows(lengths: np.ndarray, limit: int, overlap: float) -> Rows:
    """Cover every record with windows of at most `limit` symbols; neighbours share at least `overlap` of a window.

    lengths: (records,) int64. Windows are spread evenly, the first at 0 and the last at the end, so nothing is cut.
    """
    stride = max(1, limit - max(int(limit * overlap), 0))
    count = np.where(lengths <= limit, 1, 1 + -(-(lengths - limit) // stride))
    first = np.concatenate([[0], np.cumsum(count)])
    record = np.repeat(np.arange(len(lengths)), count)
    place = np.arange(len(record)) - first[record]
    spare = np.maximum(lengths - limit, 0)[record]
    start = (place * spare) // np.maximum(count[record] - 1, 1)
    return Rows(record, start, np.minimum(lengths[record], limit), first)


class SymbolSet:
    """An encoded data set of symbol sequences.

    flat: every record's ids end to end, (total,) int16; lengths: (records,). Records longer than `limit` become
    overlapping windows. Satisfies `EncodedSet`.
    """

    records_at_once: int | None = None

    def __init__(self, flat: np.ndarray, lengths: np.ndarray, limit: int, overlap: float) -> None:
        self.flat = torch.from_numpy(flat.astype(np.int16))
        self.lengths = lengths.astype(np.int64)
        self.offset = np.concatenate([[0], np.cumsum(self.lengths)])
        self.rows = plan_rows(self.lengths, limit, overlap)
        self.windowed = len(self.rows.record) > len(self.lengths)
        self.cost = np.add.reduceat(self.rows.length, self.rows.first[:-1]) if len(self) else np.zeros(0, int)
        self.width = np.minimum(self.lengths, limit)

    def __len__(self) -> int:
        """Number of records."""
        return len(self.lengths)

    def _layout(self, records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows of these records, and for each the batch index of its record."""
        if not self.windowed:
            return np.asarray(records), np.arange(len(records))
        counts = (self.rows.first[1:] - self.rows.first[:-1])[records]
        owner = np.repeat(np.arange(len(records)), counts)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.rows.first[np.asarray(records)][owner] + within, owner

    def _positions(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Flat positions (B, L) of these rows and the mask (B, L); padding points at the row's last symbol."""
        length = torch.from_numpy(self.rows.length[rows])
        begin = torch.from_numpy(self.offset[self.rows.record[rows]] + self.rows.start[rows])
        axis = torch.arange(int(length.max()))
        mask = axis < length[:, None]
        return begin[:, None] + torch.minimum(axis, length[:, None] - 1), mask

    def batch(self, records: np.ndarray) -> Symbols:
        """The batch of these records in this order: B rows (windows included), right-padded."""
        rows, owner = self._layout(records)
        positions, mask = self._positions(rows)
        windows = None
        if self.windowed and len(rows) > len(records):
            windows = self._windows(rows, owner, mask, len(records))
        return Symbols(self.flat[positions].long(), mask, bool(mask.all()), windows)

    def _windows(self, rows: np.ndarray, owner: np.ndarray, mask: Tensor, records: int) -> Windows:
        start = torch.from_numpy(self.rows.start[rows])
        place = (start[:, None] + torch.arange(mask.shape[1])).clamp(max=int(self.lengths.max()))
        covered = torch.zeros(records, int(self.lengths.max()) + 1)
        owners = torch.from_numpy(owner)[:, None].expand_as(place)
        covered.index_put_((owners[mask], place[mask]), torch.ones(()), accumulate=True)
        weight = torch.where(mask, 1 / covered[owners, place].clamp(min=1), 0.0)
        return Windows(torch.from_numpy(owner), start, weight, records)

    def align(self, flat: Tensor, records: np.ndarray, fill: int) -> Tensor:
        """Values given per symbol, all records end to end, laid out like `batch(records).ids`; padding is `fill`."""
        positions, mask = self._positions(self._layout(records)[0])
        return torch.where(mask, flat[positions], torch.tensor(fill, dtype=flat.dtype))
