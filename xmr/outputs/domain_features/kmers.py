"""Frequencies of short strings of symbols."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import EncodedSet, SymbolBatch, SymbolSpec
from xmr.outputs.domain_features.base import DomainFeatures

LONGEST = 3
MAX_COLUMNS = 40_000  # the maximum number of different k-mers
AT_ONCE = 256


class Kmers(DomainFeatures):
    """Frequencies of the 1- to 3-mers that at least two training records hold (shorter ones for large alphabets)."""

    reads: ClassVar[str] = "symbols"
    traced: ClassVar[bool] = True
    columns: Tensor

    def build(self, spec: SymbolSpec) -> Self:
        """See `DomainFeatures.build`."""
        self.symbols = len(spec.symbols)
        sizes = [self.symbols**k for k in range(1, LONGEST + 1)]
        self.longest = max(1, sum(int(total <= MAX_COLUMNS) for total in np.cumsum(sizes)))
        self.register_buffer("columns", torch.zeros(0, dtype=torch.int64))
        return self

    def fit(self, data: EncodedSet) -> None:
        """Choose the columns."""
        holds = torch.zeros(sum(self.symbols**k for k in range(1, self.longest + 1)))
        for begin in range(0, len(data), AT_ONCE):
            batch = data.batch(np.arange(begin, min(len(data), begin + AT_ONCE)))
            assert isinstance(batch, SymbolBatch)
            holds += (self._counts(batch) > 0).sum(dim=0)
        self.columns = (holds > 1).nonzero()[:, 0]

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `DomainFeatures.resize`."""
        self.columns = self.columns.new_zeros(shapes["columns"])

    @property
    def width(self) -> int:  # type: ignore[override]
        """See `DomainFeatures.width`."""
        return len(self.columns)

    def forward(self, encoded: SymbolBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`."""
        counts = self._counts(encoded)
        symbols = counts[:, : self.symbols].sum(dim=1, keepdim=True).clamp(min=1.0)
        return (counts / symbols)[:, self.columns]

    def _counts(self, encoded: SymbolBatch) -> Tensor:
        """How often each k-mer of every length occurs in each record: (R, all k-mers). Overlaps count once."""
        ids, mask, windows = encoded.ids, encoded.mask, encoded.windows
        owner = torch.arange(len(ids), device=ids.device) if windows is None else windows.owner
        records = len(ids) if windows is None else windows.records
        share = mask.float() if windows is None or windows.weight is None else windows.weight
        tables = []
        for k in range(1, self.longest + 1):
            if k == 1:
                word, weight = ids, share * mask
            else:
                inside = mask[:, k - 1 :]
                word = sum(ids[:, j : ids.shape[1] - k + 1 + j] * self.symbols ** (k - 1 - j) for j in range(k))
                weight = share[:, : inside.shape[1]] * inside
            kinds = self.symbols**k
            place = owner[:, None] * kinds + word
            flat = torch.zeros(records * kinds, device=ids.device)
            tables.append(flat.index_add_(0, place.flatten(), weight.flatten()).view(records, kinds))
        return torch.cat(tables, dim=1)
