"""Each window of the target selects one source token per position."""

from __future__ import annotations

from typing import Annotated, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn

from xmr.core.generators import Generators
from xmr.core.kinds import Batch, Spec, SymbolBatch
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import SymbolTransform, checked_ids, with_blends

MAX_PARAMETERS = 500_000_000


class TokenRemap(SymbolTransform):
    """Source token t is the most likely of n source tokens under the logits W conv_k(symbols around t).

    In training a token is sampled with Gumbel noise at temperature tau, one-hot forward and softmax backward (straight
    through); afterwards it is the most likely one. The source therefore receives only its own tokens. Location: input;
    operator: parametric. A d + k d^2 + d n parameters; k A n of the paper's single convolution. Source: Neekhara et
    al., arXiv 1809.01829 (window 5, `channels: null`, `n_tokens: null`, temperature 2 to 0.01 over 15 epochs).

    Args:
        window: k, the number of symbols around each position; odd.
        channels: d, the width of the convolution; null: one convolution from one-hot symbols to the tokens.
        n_tokens: n, the number of random source tokens to choose from; null: all of them.
        temperature: tau, the temperature of the Gumbel softmax.
        temperature_end: tau in the last epoch, reached linearly; null: constant.
    """

    candidates: Tensor
    embedding: Tensor
    small: Tensor

    def __init__(
        self,
        window: Annotated[int, Ge(1), Le(101)] = 3,
        channels: Annotated[int, Ge(1), Le(1024)] | None = 64,
        n_tokens: Annotated[int, Ge(2), Le(200_000)] | None = 2000,
        temperature: Annotated[float, Gt(0)] = 1.0,
        temperature_end: Annotated[float, Gt(0)] | None = None,
    ) -> None:
        super().__init__()
        if window % 2 == 0:
            raise RecipeError(Problem("transform.window", str(window), "an odd number of symbols"))
        self.window, self.channels, self.n_tokens, self.temperature = window, channels, n_tokens, temperature
        self.first, self.last = temperature, temperature if temperature_end is None else temperature_end
        self.generators = Generators()

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Random tokens, normally distributed initial weights."""
        assert isinstance(space, TokenSpace)
        alphabet = self.register_alphabet(spec, space)
        total, d, letters = len(space.embedding), self.channels, len(alphabet.letters)
        count = min(self.n_tokens or total, total)
        self.register_buffer("candidates", torch.randperm(total, generator=generator)[:count])
        self.register_buffer("embedding", space.embedding.detach(), persistent=False)
        self.bias = nn.Parameter(torch.zeros(count))
        if d is None:
            if (numbers := count * letters * self.window) > MAX_PARAMETERS:
                expected = f"at most {MAX_PARAMETERS:,}: fewer symbols or transform.n_tokens"
                raise RecipeError(Problem("transform.channels: null", f"{numbers:,} parameters", expected))
            self.register_buffer("small", torch.eye(letters), persistent=False)
            start = torch.randn(count, letters, self.window, generator=generator)
            self.kernel = nn.Parameter(start * (letters * self.window) ** -0.5)
            return self
        self.small = nn.Parameter(torch.randn(letters, d, generator=generator))
        self.kernel = nn.Parameter(torch.randn(d, d, self.window, generator=generator) * (d * self.window) ** -0.5)
        self.out = nn.Parameter(torch.randn(d, count, generator=generator) * d**-0.5)
        return self

    def table(self) -> Tensor:
        """The tokens that letters select without neighbors: (A, D)."""
        ids = torch.arange(len(self.small), device=self.small.device)[:, None]
        chosen = self.logits(SymbolBatch(ids, torch.ones_like(ids, dtype=torch.bool), True)).argmax(dim=-1)[:, 0]
        return F.embedding(self.candidates[chosen], self.embedding)

    def logits(self, encoded: SymbolBatch) -> Tensor:
        """(B, L, n); padding counts as zero in every window."""
        table = with_blends(self.small, self.blends)
        small = F.embedding(checked_ids(encoded.ids, len(table)), table) * encoded.mask[..., None]
        near = F.conv1d(small.transpose(1, 2), self.kernel, padding=self.window // 2)
        if self.channels is None:
            return near.transpose(1, 2) + self.bias
        return F.gelu(near).transpose(1, 2) @ self.out + self.bias

    def on_epoch(self, epoch: int, epochs: int) -> None:
        """The temperature of this epoch."""
        self.temperature = self.first + (self.last - self.first) * epoch / max(1, epochs - 1)

    def chosen(self, logits: Tensor) -> Tensor:
        """A token for each position by Gumbel noise, as in `F.gumbel_softmax`: (..., n), one-hot, straight through."""
        noise = (
            torch.empty_like(logits, memory_format=torch.contiguous_format)
            .exponential_(generator=self.generators.on(logits.device))
            .log()
        )
        soft = torch.softmax((logits - noise) / self.temperature, dim=-1)
        hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(dim=-1, keepdim=True), 1.0)
        return hard - soft.detach() + soft

    def forward(self, encoded: Batch) -> TokenInput:
        """ids (B, L) -> embeddings of source tokens (B, L, D)."""
        assert isinstance(encoded, SymbolBatch)
        logits = self.logits(encoded)
        if self.training:
            chosen = self.chosen(logits.float())
            embeddings = chosen @ self.embedding[self.candidates].to(chosen.dtype)
        else:
            embeddings = F.embedding(self.candidates[logits.argmax(dim=-1)], self.embedding)
        return TokenInput(embeddings, encoded.mask, 0, encoded.ids.shape[1], encoded.full)
