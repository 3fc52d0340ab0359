"""Sequences of symbols of any length, encoded once into flat arrays; batches are cut from them without Python loops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from xmr.core.kinds.base import Batch, EncodedSet, Spec, Windows, spans
from xmr.errors import DataError, Problem


@dataclass(frozen=True)
class SymbolSpec(Spec):
    """The symbols of a target domain. `letters` (A) are learned; each of `mixtures` is a mean of letters.

    Letters are characters, or texts (k-mers, words) as a tuple. A mixture such as the protein code B (D or N) is
    embedded as the mean of its letters, so that a symbol that occurs only at prediction has no untrained vector.
    Symbol ids count the letters first, then the mixtures (S in total).

    hidden: the last mixture stands for a hidden letter, which a source with a mask token embeds as that token.
    similarity: gives (A, A), how likely each letter (row) stands for each other one, rows summing to one; None where
    the domain does not know. properties: gives (A, P), standardized physical properties of each letter, or None.
    """

    letters: str | tuple[str, ...]
    mixtures: tuple[tuple[str, str | tuple[str, ...]], ...] = ()
    hidden: bool = False
    similarity: Callable[[], Tensor] | None = field(default=None, compare=False, repr=False)
    properties: Callable[[], Tensor] | None = field(default=None, compare=False, repr=False)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol in the order of its id."""
        return (*self.letters, *(symbol for symbol, _ in self.mixtures))

    def facts(self) -> dict[str, Any]:
        """See `Spec.facts`; with the id of every symbol."""
        return {**super().facts(), "ids": {symbol: number for number, symbol in enumerate(self.symbols)}}

    def blends(self) -> Float[Tensor, "M A"]:
        """Row m holds the weights of the letters in mixture m; rows sum to one."""
        number = {letter: index for index, letter in enumerate(self.letters)}
        rows = torch.zeros(len(self.mixtures), len(self.letters))
        for row, (_, parts) in zip(rows, self.mixtures):
            places = torch.tensor([number[letter] for letter in parts])
            row.index_add_(0, places, torch.full((len(parts),), 1 / len(parts)))
        return rows

    def mixing(self) -> Float[Tensor, "S A"]:
        """Row s holds the weights of the letters in symbol s: the letters themselves, then `blends`."""
        return torch.cat([torch.eye(len(self.letters)), self.blends()])


@dataclass(frozen=True)
class SymbolBatch(Batch):
    """Sequences over an alphabet. ids: (B, L) symbol ids, right-padded; mask: (B, L), True at symbols.

    `full` means that nothing is padded, so that the source may skip its attention mask. `windows` is None if every row
    is a whole record.
    """

    varying: ClassVar[tuple[str, ...]] = ("ids", "mask")

    ids: Int[Tensor, "B L"]
    mask: Bool[Tensor, "B L"]
    full: bool = False
    windows: Windows | None = None

    @property
    def token_mask(self) -> Tensor:
        """See `Batch.token_mask`."""
        return self.mask

    @property
    def cost(self) -> int:
        """Tokens, padding included."""
        return self.ids.numel()

    def row(self, index: int) -> Tensor:
        """See `Batch.row`: (symbols,)."""
        return self.ids[index, : int(self.mask[index].sum())]

    def describe(self, spec: SymbolSpec) -> str:
        """See `Batch.describe`."""
        return f"symbol ids {tuple(self.ids.shape)} of {len(spec.symbols)} symbols"

    def problems(self, spec: SymbolSpec) -> list[str]:
        """See `Batch.problems`."""
        found = []
        if self.ids.dtype != torch.int64 or self.mask.dtype != torch.bool:
            found.append(f"ids are {self.ids.dtype} and the mask {self.mask.dtype}, not int64 and bool")
        if int(self.ids.max()) >= len(spec.symbols):
            found.append(f"id {int(self.ids.max())} of {len(spec.symbols)} symbols")
        if self.full != bool(self.mask.all()):
            found.append("`full` disagrees with the mask")
        return found

    def patches(self, most: int = 48) -> Tensor:
        """See `Batch.patches`: (B, L)."""
        return spans(self.mask, most)

    def texts(self, symbols: np.ndarray) -> list[str]:
        """Each record as text, its windows joined. symbols: the text of each symbol, (S,)."""
        ids, lengths = self.ids.cpu().numpy(), self.mask.sum(dim=1).tolist()
        if self.windows is None:
            return ["".join(symbols[row[:length]]) for row, length in zip(ids, lengths)]
        whole = [""] * self.windows.records
        for row, length, owner, start in zip(ids, lengths, self.windows.owner.tolist(), self.windows.start.tolist()):
            whole[owner] += "".join(symbols[row[len(whole[owner]) - start : length]])
        return whole

    def hide(self, patches: Tensor, patch: int, spec: SymbolSpec) -> SymbolBatch:
        """The symbols become the mixture of most letters."""
        widest = max(range(len(spec.mixtures)), key=lambda index: len(spec.mixtures[index][1]))
        return replace(self, ids=torch.where(patches == patch, len(spec.letters) + widest, self.ids))

    def display(self, row: int, spec: SymbolSpec) -> list[str]:
        """The symbols, one text each."""
        return [spec.symbols[number] for number in self.row(row).tolist()]


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
    """Cover every record with windows of at most `limit` symbols; neighbors share at least `overlap` of a window.

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


class SymbolSet(EncodedSet):
    """An encoded data set of symbol sequences.

    flat: every record's ids end to end, (total,) int16 (int32 for large alphabets); lengths: (pieces,). Pieces longer
    than `limit` become overlapping windows. pieces: of a record, always fed as rows of their own (the two strands of
    DNA).
    """

    def __init__(self, flat: np.ndarray, lengths: np.ndarray, limit: int, overlap: float, pieces: int = 1) -> None:
        self.flat = torch.from_numpy(flat.astype(np.int16 if flat.max(initial=0) < 2**15 else np.int32))
        parts = lengths.astype(np.int64)
        self.limit, self.overlap, self.pieces = limit, overlap, pieces
        self.lengths = parts.reshape(-1, pieces).sum(axis=1)
        self.offset = np.concatenate([[0], np.cumsum(self.lengths)])
        self.rows = _whole(plan_rows(parts, limit, overlap), parts, pieces)
        self.windowed = len(self.rows.record) > len(self.lengths)
        self.cost = np.add.reduceat(self.rows.length, self.rows.first[:-1]) if len(self) else np.zeros(0, int)
        self.width = np.minimum(parts.reshape(-1, pieces).max(axis=1, initial=0), limit)

    def __len__(self) -> int:
        """Number of records."""
        return len(self.lengths)

    def changed(self, flat: Tensor, records: np.ndarray) -> SymbolSet:
        """Some of the records, of one piece each, with other symbols. flat: (total,) ids of all records."""
        kept = np.isin(np.repeat(np.arange(len(self)), self.lengths), records)
        return SymbolSet(flat.numpy()[kept], self.lengths[records], self.limit, self.overlap)

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

    @property
    def positions(self) -> np.ndarray:
        """Symbols of each record, over all its pieces."""
        return self.lengths

    def align(self, flat: Tensor, records: np.ndarray, fill: int) -> Tensor:
        """Values given per symbol, all records end to end, laid out like `batch(records).ids`; padding is `fill`."""
        if self.pieces > 1:
            raise DataError(Problem("encoder.strands", "both", "one: a label per position belongs to one strand"))
        positions, mask = self._positions(self._layout(records)[0])
        return torch.where(mask, flat[positions], torch.tensor(fill, dtype=flat.dtype))
