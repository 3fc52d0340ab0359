"""A short convolution over neighboring symbols in front of the source."""

from __future__ import annotations

from typing import Annotated, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, Spec, SymbolBatch
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Init, SymbolTransform, checked_ids, start_rows, with_blends


class ContextWindow(SymbolTransform):
    """E_T[a_i] plus a window over its neighbors: x_i = E_T[a_i] + W conv_k(e[a])_i, with the norm of E's rows.

    e in R^{A x d} is a small embedding; conv_k a convolution of odd width k, d to d, GELU; W projects d to D and starts
    at zero, so training starts at `free_embedding`. About A d + k d^2 + d D parameters in addition to E_T.
    Compare: FPT, arXiv 2103.05247. Operator: parametric; location: embedding.

    Args:
        width: number of symbols per window, odd.
        channels: d, the width of the convolution.
        init: the initial tokens of the letters.
        init_tokens: the tokens for `init: given_tokens`.
    """

    norm: Tensor

    def __init__(
        self,
        width: Annotated[int, Ge(1), Le(101)] = 5,
        channels: Annotated[int, Ge(1), Le(1024)] = 32,
        init: Init = "random_tokens",
        init_tokens: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        if width % 2 == 0:
            raise RecipeError(Problem("transform.width", str(width), "an odd number of symbols"))
        self.width, self.channels, self.init, self.init_tokens = width, channels, init, init_tokens

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Create E_T, e, the convolution and W."""
        assert isinstance(space, TokenSpace)
        alphabet = self.register_alphabet(spec, space)
        letters, width, d = len(alphabet.letters), self.width, self.channels

        def normal(*shape: int, scale: float) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator) * scale)

        self.weight = nn.Parameter(start_rows(self.init, self.init_tokens, alphabet, space, generator))
        self.small = normal(letters, d, scale=1.0)
        self.kernel = normal(d, d, width, scale=(d * width) ** -0.5)
        self.bias = nn.Parameter(torch.zeros(d))
        self.out = nn.Parameter(torch.zeros(d, space.width))
        self.register_buffer("norm", space.row_norm().detach().float().cpu().clone())
        return self

    def table(self) -> Tensor:
        """E_T, the part without context."""
        return self.weight

    def forward(self, encoded: Batch) -> TokenInput:
        """ids (B, L) -> embeddings (B, L, D), each with the norm of E's rows; padding counts as zero in every
        window.
        """
        assert isinstance(encoded, SymbolBatch)
        table = with_blends(self.small, self.blends)
        ids = checked_ids(encoded.ids, len(table))
        small = F.embedding(ids, table) * encoded.mask[..., None]
        near = F.conv1d(small.transpose(1, 2), self.kernel, self.bias, padding=self.width // 2)
        context = F.gelu(near).transpose(1, 2) @ self.out
        embeddings = F.embedding(ids, self.symbol_table()) + context
        embeddings = F.normalize(embeddings, dim=-1) * self.norm
        return TokenInput(embeddings, encoded.mask, 0, ids.shape[1], encoded.full)
