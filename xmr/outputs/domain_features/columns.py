"""The columns of a table as they are."""

from __future__ import annotations

from typing import ClassVar, Self

import torch
from torch import Tensor

from xmr.core.kinds import TableBatch, TableSpec
from xmr.outputs.domain_features.base import DomainFeatures


class Columns(DomainFeatures):
    """Numbers, whether each is missing, and a column for each value of a category."""

    reads: ClassVar[str] = "table"
    traced: ClassVar[bool] = True

    def build(self, spec: TableSpec) -> Self:
        """See `DomainFeatures.build`."""
        self.gaps = torch.tensor(spec.gaps, dtype=torch.bool).nonzero()[:, 0].tolist()
        self.sizes = [len(column.values) + column.gaps for column in spec.categories]
        self.width = len(spec.numbers) + len(self.gaps) + sum(self.sizes)
        return self

    def forward(self, encoded: TableBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`."""
        parts = [encoded.numbers.float(), encoded.missing[:, self.gaps].float()]
        for size, ids in zip(self.sizes, encoded.categories.T):
            parts.append((ids[:, None] == torch.arange(size, device=ids.device)).float())
        return torch.cat(parts, dim=1)
