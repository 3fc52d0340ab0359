"""Learned vectors before (or around) the embedded symbols."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import torch
from annotated_types import Ge, Le
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, Spec, SymbolBatch
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Init, SymbolTransform, start_rows


class Prompt(SymbolTransform):
    """m learned vectors before the symbols, which keep their initial tokens: m * D parameters.

    Source: WARP, arXiv 2101.00121; prompt tuning, arXiv 2104.08691. Operator: concatenative.

    Args:
        length: m, the number of learned vectors (on each side for `around`).
        position: before the symbols, or around them.
        mask: end with the source's mask token, whose hidden state `verbalizer` reads.
        symbols: `fixed` keeps the initial tokens of the letters (a pure prompt), `free` trains them too.
        init: the initial tokens of the letters.
        init_tokens: the tokens for `init: given_tokens`.
    """

    token: Tensor | None

    def __init__(
        self,
        length: Annotated[int, Ge(1), Le(4096)] = 10,
        position: Literal["before", "around"] = "before",
        mask: bool = False,
        symbols: Literal["fixed", "free"] = "fixed",
        init: Init = "letters",
        init_tokens: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        self.length, self.position, self.mask, self.symbols = length, position, mask, symbols
        self.init, self.init_tokens = init, init_tokens

    def capacity(self, space: Space) -> int:
        """The source's maximum length minus the prompt. Raises RecipeError if nothing is left."""
        longest = super().capacity(space) - self.length * (2 if self.position == "around" else 1) - self.mask
        if longest < 1:
            found, most = "a prompt longer than the source accepts", f"less than {super().capacity(space)}"
            raise RecipeError(Problem("transform.length", found, most))
        return longest

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """The prompt starts at random tokens of the source."""
        assert isinstance(space, TokenSpace)
        alphabet = self.register_alphabet(spec, space)
        rows = start_rows(self.init, self.init_tokens, alphabet, space, generator)
        self.weight = nn.Parameter(rows, requires_grad=self.symbols == "free")
        sides = 1 if self.position == "before" else 2
        ids = torch.randint(len(space.embedding), (sides * self.length,), generator=generator)
        self.register_buffer("token", None, persistent=False)
        if self.mask:
            if space.mask is None:
                raise RecipeError(Problem("transform.mask", "a source without a mask token", "false"))
            self.token = space.embedding[space.mask : space.mask + 1].detach().float().clone()
        self.prompt = nn.Parameter(space.embedding.detach().float().cpu()[ids].clone())
        return self

    def table(self) -> Tensor:
        """The embeddings of the letters."""
        return self.weight

    def forward(self, encoded: Batch) -> TokenInput:
        """ids (B, L) -> (B, m + L (+ m) (+ 1), D); what follows a row follows its last symbol."""
        content = super().forward(encoded)
        assert isinstance(encoded, SymbolBatch)
        rows, length = encoded.ids.shape
        before = self.prompt[: self.length].expand(rows, -1, -1)
        embeddings, mask = torch.cat([before, content.embeddings], dim=1), encoded.mask
        mask = torch.cat([mask.new_ones(rows, self.length), mask], dim=1)
        behind = self.prompt[self.length :]
        if self.token is not None:
            behind = torch.cat([behind, self.token])
        if more := len(behind):
            ends = mask.sum(dim=1)
            embeddings = torch.cat([embeddings, embeddings.new_zeros(rows, more, embeddings.shape[2])], dim=1)
            place = ends[:, None] + torch.arange(more, device=ends.device)
            after = behind.expand(rows, -1, -1)
            embeddings = embeddings.scatter(1, place[..., None].expand_as(after), after)
            mask = torch.cat([mask.new_ones(rows, more), mask], dim=1)
        return TokenInput(embeddings, mask, self.length, length, encoded.full)
