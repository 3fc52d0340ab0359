"""One vector per symbol: free (E_T itself), or a map over the source's vocabulary (Theta E), dense or convex.

Theta E has A rows: it is computed once per step and indexed, without a (B, L, V) tensor. As E has rank D and A < D, it
is no more expressive than E_T: training Theta is training E_T preconditioned by E^T E, so `free_embedding` is the
right ablation of every vocabulary map.
"""

from __future__ import annotations

from typing import Annotated, Self

import torch
from annotated_types import Gt, Lt
from torch import Generator, Tensor, nn

from xmr.core.kinds import Spec, SymbolSpec
from xmr.core.spaces import Space, TokenSpace
from xmr.transforms.base import Init, SymbolTransform, start_rows, word_ids


class FreeEmbedding(SymbolTransform):
    """E_T in R^{A x D} is learned directly: A * D parameters.

    Source: the frozen-body "EnglishBert" baseline of ReprogBERT, arXiv 2210.07144.

    Args:
        init: the initial embedding of each symbol: a random token of the source (`random_tokens`), its token of that
            letter (`letters`) or word (`own_tokens`, else a random one), the `init_tokens` (`given_tokens`), or random
            tokens mixed by BLOSUM62 similarity (`similar_tokens`) or physicochemical properties (`property_tokens`);
            several alternate over the programs of an ensemble.
        init_tokens: the tokens for `init: given_tokens`, one per letter in the order of the alphabet.
    """

    def __init__(self, init: Init | list[Init] = "random_tokens", init_tokens: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.init: list[Init] = init if isinstance(init, list) else [init]
        self.init_tokens = init_tokens

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Start E_T at rows of E."""
        assert isinstance(space, TokenSpace)
        alphabet = self.register_alphabet(spec, space)
        init = self.init[self.member % len(self.init)]
        self.weight = nn.Parameter(start_rows(init, self.init_tokens, alphabet, space, generator))
        return self

    def table(self) -> Tensor:
        """E_T."""
        return self.weight

    @classmethod
    def holding(cls, table: Tensor, like: SymbolTransform) -> FreeEmbedding:
        """A free embedding with a given table: what every vocabulary map is merged to after training."""
        folded = cls()
        folded.section = {"name": "free_embedding"}
        folded.register_buffer("blends", like.blends, persistent=False)
        folded.register_buffer("hidden", like.hidden, persistent=False)
        folded.weight = nn.Parameter(table.detach().clone())
        return folded


class _Map(SymbolTransform):
    """The base of maps over the vocabulary: E belongs to the source and is never saved with the program."""

    def _remember(self, spec: Spec, space: Space) -> tuple[SymbolSpec, TokenSpace]:
        assert isinstance(space, TokenSpace)
        alphabet = self.register_alphabet(spec, space)
        self._space = space
        return alphabet, space

    @property
    def embedding(self) -> Tensor:
        """E (V, D), frozen."""
        return self._space.embedding

    def merge(self) -> SymbolTransform:
        """Keep only E_T, not Theta and E."""
        with torch.no_grad():
            return FreeEmbedding.holding(self.table(), self)


class VocabularyMap(_Map):
    """E_T = Theta E, Theta in R^{A x V}; symbol a is embedded as row a. A * V parameters.

    Source: R2DL, arXiv 2301.02120, eq. 3; ReprogBERT, arXiv 2210.07144.

    Args:
        init: each row of Theta starts at one token (`random_tokens`, `letters` or `given_tokens`).
        init_tokens: the tokens for `init: given_tokens`.
    """

    def __init__(self, init: Init = "random_tokens", init_tokens: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.init, self.init_tokens = init, init_tokens

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Each row of Theta starts at one token: uniform weights would make all rows nearly equal."""
        alphabet, tokens = self._remember(spec, space)
        ids = word_ids(_plain(self.init), self.init_tokens, alphabet.letters, tokens, generator)
        theta = torch.zeros(len(alphabet.letters), len(tokens.embedding))
        theta[torch.arange(len(ids)), ids] = 1.0
        self.theta = nn.Parameter(theta)
        return self

    def table(self) -> Tensor:
        """Theta E."""
        return self.theta @ self.embedding


class ConvexVocabularyMap(_Map):
    """E_T = softmax(W / tau) E row-wise, over all tokens or each row's top k. A * V parameters.

    Source: convex variant of R2DL, arXiv 2301.02120.

    Args:
        tau: temperature of the softmax.
        top_k: keep only the k largest weights of a row, renormalized; all of them by default.
        init_weight: initial weight of a letter's first token.
        init: the initial tokens of the letters.
        init_tokens: the tokens for `init: given_tokens`.
    """

    def __init__(
        self,
        tau: Annotated[float, Gt(0)] = 1.0,
        top_k: Annotated[int, Gt(0)] | None = None,
        init_weight: Annotated[float, Gt(0), Lt(1)] = 0.5,
        init: Init = "random_tokens",
        init_tokens: tuple[str, ...] | None = None,
    ) -> None:
        super().__init__()
        self.tau, self.top_k, self.init_weight, self.init, self.init_tokens = tau, top_k, init_weight, init, init_tokens

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """W starts at logits that give each letter's first token the weight `init_weight`, the others the rest."""
        alphabet, tokens = self._remember(spec, space)
        ids = word_ids(_plain(self.init), self.init_tokens, alphabet.letters, tokens, generator)
        vocabulary = len(tokens.embedding)
        logits = torch.randn(len(ids), vocabulary, generator=generator) * 1e-3
        odds = torch.tensor(self.init_weight / (1 - self.init_weight) * (vocabulary - 1))
        logits[torch.arange(len(ids)), ids] = self.tau * torch.log(odds)
        self.logits = nn.Parameter(logits)
        return self

    def theta(self) -> Tensor:
        """The convex weights: rows are non-negative and sum to one."""
        scaled = self.logits / self.tau
        if self.top_k is not None and self.top_k < scaled.shape[1]:
            floor = scaled.topk(self.top_k, dim=1).values[:, -1:]
            scaled = scaled.masked_fill(scaled < floor, float("-inf"))
        return torch.softmax(scaled, dim=1)

    def table(self) -> Tensor:
        """softmax(W / tau) E."""
        return self.theta() @ self.embedding


def _plain(init: Init) -> Init:
    """A map starts at single tokens, so mixing them by similarity or properties does not apply."""
    return "random_tokens" if init in ("similar_tokens", "property_tokens") else init
