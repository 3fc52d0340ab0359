"""The contract of domain features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from xmr.core.kinds import Batch, EncodedSet


class DomainFeatures(nn.Module, ABC):
    """A vector for every record of one kind of data. `reads` names the kind; what is fitted is held in buffers."""

    reads: ClassVar[str]
    traced: ClassVar[bool] = False  # whether `forward` is tensor arithmetic alone, which an ONNX file can hold
    width: int  # numbers per record; of fitted features known after `fit` or `resize`

    @abstractmethod
    def build(self, spec: Any) -> Self:
        """Prepare for a domain. spec: of the kind `reads`. Raises RecipeError where they do not apply to it."""

    def fit(self, data: EncodedSet) -> None:
        """Fit on the training records, without their labels."""

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """Give fitted buffers the shapes of a saved program, before their values are loaded."""

    @abstractmethod
    def forward(self, encoded: Batch) -> Tensor:
        """(R, width), windows of a record together."""
