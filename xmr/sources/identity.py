"""Control: no source model. Embeddings pass through unchanged, so that only the program and its output remain."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor

from xmr.core.spaces import TokenFeatures, TokenSpace
from xmr.sources.base import Source


class Identity(Source):
    """Returns its input: does the source contribute anything? The ablation that arXiv 2406.16964 calls for.

    Args:
        width: width of the embeddings.
        vocabulary: rows of the random embedding matrix.
        max_length: maximum number of positions.
    """

    space_kind: ClassVar[str] = "token"
    is_control: ClassVar[bool] = True
    tied = True
    space: TokenSpace

    def __init__(
        self,
        width: Annotated[int, Ge(1), Le(8192)] = 384,
        vocabulary: Annotated[int, Ge(32), Le(100_000)] = 1000,
        max_length: Annotated[int, Ge(1), Le(100_000)] = 512,
    ) -> None:
        super().__init__()
        self.width, self.vocabulary, self.max_length = width, vocabulary, max_length

    def load(self, seed: int = 0) -> Self:
        """Initialize the random embedding matrix."""
        self.seed = seed
        generator = torch.Generator().manual_seed(seed)
        matrix = torch.randn(self.vocabulary, self.width, generator=generator) / self.width**0.5
        self.register_buffer("embedding", matrix)
        self.space = TokenSpace(matrix, self.max_length)
        self.own_width = self.hidden_width = self.width
        return self.freeze()

    def forward(self, inputs: Any) -> TokenFeatures:
        """The inputs, unchanged."""
        return TokenFeatures(inputs.embeddings, inputs.mask, inputs.start, inputs.length)

    def answers(self, hidden: Tensor) -> Tensor:
        """Similarity to the rows of the random matrix."""
        return hidden @ self.space.embedding.to(hidden).T

    def classifier_weight(self) -> Tensor:
        """The random matrix: (K_S, D)."""
        return self.space.embedding

    @property
    def classes(self) -> int:
        """Rows of the random matrix."""
        return self.vocabulary
