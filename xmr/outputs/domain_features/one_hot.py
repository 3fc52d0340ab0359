"""The symbol at each position."""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import EncodedSet, SymbolBatch, SymbolSpec
from xmr.errors import Problem, RecipeError
from xmr.outputs.domain_features.base import DomainFeatures

AT_ONCE = 256


class OneHot(DomainFeatures):
    """A column for each symbol at each position that some but not all training records have; for aligned sequences."""

    reads: ClassVar[str] = "symbols"
    columns: Tensor

    def build(self, spec: SymbolSpec) -> Self:
        """See `DomainFeatures.build`."""
        self.symbols = len(spec.symbols)
        self.register_buffer("columns", torch.zeros(0, dtype=torch.int64))
        return self

    def fit(self, data: EncodedSet) -> None:
        """Find the columns that vary. Raises RecipeError for records that are split into windows."""
        longest = int(data.width.max(initial=1))
        if len(data) and int(data.cost.max()) > longest:
            raise RecipeError(
                Problem("output.domain_features: one_hot", "sequences split into windows", "aligned ones")
            )
        holds = torch.zeros(longest, self.symbols)
        for begin in range(0, len(data), AT_ONCE):
            batch = data.batch(np.arange(begin, min(len(data), begin + AT_ONCE)))
            assert isinstance(batch, SymbolBatch)
            here = torch.nn.functional.one_hot(batch.ids, self.symbols) * batch.mask[..., None]
            holds[: here.shape[1]] += here.sum(dim=0)
        self.columns = ((holds > 0) & (holds < len(data))).flatten().nonzero()[:, 0]

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `DomainFeatures.resize`."""
        self.columns = self.columns.new_zeros(shapes["columns"])

    @property
    def width(self) -> int:  # type: ignore[override]
        """See `DomainFeatures.width`."""
        return len(self.columns)

    def forward(self, encoded: SymbolBatch) -> Tensor:  # type: ignore[override]
        """See `DomainFeatures.forward`. Symbols behind the longest training record have no column."""
        positions = int(self.columns.max()) // self.symbols + 1 if self.width else 0
        missing = max(0, positions - encoded.ids.shape[1])
        ids, mask = (torch.nn.functional.pad(part, (0, missing)) for part in (encoded.ids, encoded.mask))
        here = torch.nn.functional.one_hot(ids, self.symbols) * mask[..., None]
        return here.flatten(1)[:, self.columns].float()
