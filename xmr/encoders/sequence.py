"""Symbol sequences of any length, encoded once into flat arrays; batches are cut from them without Python loops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from xmr.core.spaces import SymbolBatch, Windows
from xmr.errors import DataError, Problem


def as_bytes(inputs: list[str]) -> np.ndarray:
    """The characters of all records end to end, a line break behind each record; (sum of lengths + n,) uint8.

    Characters beyond one byte become `?`. A line break within a record (quoted cells may hold one) becomes a zero byte:
    no symbol of any alphabet, so that it cannot be taken for the end of the record.
    """
    text = "\n".join(inputs) + "\n"
    if text.count("\n") != len(inputs):
        text = "\n".join(record.replace("\n", "\0") for record in inputs) + "\n"
    return np.frombuffer(text.encode("latin-1", "replace"), dtype=np.uint8)


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


def _whole(rows: Rows, lengths: np.ndarray, pieces: int) -> Rows:
    """Rows of the pieces of records -> rows of the records."""
    if pieces == 1:
        return rows
    ends = np.cumsum(lengths.reshape(-1, pieces), axis=1) - lengths.reshape(-1, pieces)
    return Rows(rows.record // pieces, rows.start + ends.reshape(-1)[rows.record], rows.length, rows.first[::pieces])


def shuffled(flat: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Permute within every record, without a loop, in an order drawn from the record's own symbols and no other's.

    flat: (total,) ids end to end; lengths: (records,). Sorts by (record, key): a sum over the record of its symbols
    times a random number a position, and the position, mixed as in splitmix64 (Steele et al. 2014).
    """
    owner = np.repeat(np.arange(len(lengths)), lengths)
    ends = np.cumsum(lengths)
    within = np.arange(len(flat)) - (ends - lengths)[owner]
    noise = np.random.default_rng(0).integers(0, 2**64, size=int(lengths.max(initial=0)), dtype=np.uint64)[within]
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum((flat.astype(np.uint64) + np.uint64(1)) * noise)])
    keys = (total[ends] - total[ends - lengths])[owner] ^ noise  # sums run over 2**64 and wrap; so do differences
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        keys = (keys ^ (keys >> np.uint64(shift))) * np.uint64(factor)
    return flat[np.lexsort((keys ^ (keys >> np.uint64(31)), owner))]


class SymbolSet:
    """An encoded data set of symbol sequences.

    flat: every record's ids end to end, (total,) int16 (int32 for large alphabets); lengths: (pieces,). Pieces longer
    than `limit` become overlapping windows. pieces: of a record, always fed as rows of their own (the two strands of
    DNA). Satisfies `EncodedSet`.
    """

    records_at_once: int | None = None

    def __init__(self, flat: np.ndarray, lengths: np.ndarray, limit: int, overlap: float, pieces: int = 1) -> None:
        self.flat = torch.from_numpy(flat.astype(np.int16 if flat.max(initial=0) < 2**15 else np.int32))
        parts = lengths.astype(np.int64)
        self.pieces = pieces
        self.lengths = parts.reshape(-1, pieces).sum(axis=1)
        self.offset = np.concatenate([[0], np.cumsum(self.lengths)])
        self.rows = _whole(plan_rows(parts, limit, overlap), parts, pieces)
        self.windowed = len(self.rows.record) > len(self.lengths)
        self.cost = np.add.reduceat(self.rows.length, self.rows.first[:-1]) if len(self) else np.zeros(0, int)
        self.width = np.minimum(parts.reshape(-1, pieces).max(axis=1, initial=0), limit)

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

    def batch(self, records: np.ndarray) -> SymbolBatch:
        """The batch of these records in this order: B rows (windows included), right-padded."""
        rows, owner = self._layout(records)
        positions, mask = self._positions(rows)
        windows = None
        if self.windowed and len(rows) > len(records):
            windows = self._windows(rows, owner, mask, len(records))
        return SymbolBatch(self.flat[positions].long(), mask, bool(mask.all()), windows)

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
        if self.pieces > 1:
            raise DataError(Problem("encoder.strands", "both", "one: a label a position belongs to one strand"))
        positions, mask = self._positions(self._layout(records)[0])
        return torch.where(mask, flat[positions], torch.tensor(fill, dtype=flat.dtype))
