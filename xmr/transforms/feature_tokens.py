"""Rows of a table as tokens: one token per column, free or mixed from the source's tokens; or the row as plain text."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le, Lt
from einops import rearrange
from torch import Generator, Tensor, nn

from xmr.core.generators import Dropout
from xmr.core.kinds import Batch, Spec, TableBatch, TableSpec
from xmr.core.spaces import Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform, known_words


class CategoryRows(nn.Module):
    """One vector for every value of every category column: G columns, ids (B, G) -> (B, G, W).

    A missing value has its own vector if training had missing values; otherwise it is the mean of its column's
    vectors, as is a value that training did not contain.
    """

    place: Tensor
    offset: Tensor
    owner: Tensor
    share: Tensor

    def __init__(self, spec: TableSpec, rows: Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows)
        place: list[int] = []  # for every id, the index of its vector among the rows, which are followed by the means
        offset: list[int] = []
        owner: list[int] = []
        share: list[float] = []
        for number, column in enumerate(spec.categories):
            first, values, mean = len(owner), len(column.values), len(rows) + number
            offset.append(len(place))
            place += range(first, first + values)
            place += [first + values if column.gaps else mean, mean]
            owner += [number] * (values + column.gaps)
            share += [1 / max(1, values)] * values + [0.0] * column.gaps
        for name, held in (("place", place), ("offset", offset), ("owner", owner)):
            self.register_buffer(name, torch.tensor(held, dtype=torch.long), persistent=False)
        self.register_buffer("share", torch.tensor(share)[:, None], persistent=False)

    @staticmethod
    def count(spec: TableSpec) -> int:
        """Number of learned rows."""
        return sum(len(column.values) + column.gaps for column in spec.categories)

    def forward(self, categories: Tensor) -> Tensor:
        """(B, G) ids within columns -> (B, G, W)."""
        means = self.rows.new_zeros(len(self.offset), self.rows.shape[1])
        means = means.index_add(0, self.owner, self.rows * self.share.to(self.rows.dtype))
        return F.embedding(self.place[categories + self.offset], torch.cat([self.rows, means]))


class FeatureTokens(Transform):
    """Column j of a row is one token: a number x is sum_k h_k(x) w_jk + b_j, a category has its own row.

    h_k are hat functions over `bins` even knots: two bins are x w_j + b_j, more are a piecewise linear curve. A
    missing value is a learned vector, or the column's mean where training had none; a value that training did not
    contain is the mean of its column. Free-text columns follow as the source's own tokens, which are not learned.
    Location: embedding; operator: parametric. F (bins + 1) D + (categories) D parameters. Source: FT-Transformer,
    arXiv 2106.11959, with the piecewise linear encoding of arXiv 2203.05556, in front of a frozen model.

    Args:
        bins: number of knots of each number column's curve.
        init: start tokens at the source's tokens for the column and the value where it has them, otherwise at random
            tokens; or all at random tokens.
        init_std: initial distance of the ends of a number column from its middle, in norms of E's rows.
    """

    takes: ClassVar[str] = "table"
    space: ClassVar[str] = "token"
    embedding: Tensor
    gap_row: Tensor

    def __init__(
        self,
        bins: Annotated[int, Ge(2), Le(1024)] = 8,
        init: Literal["own_tokens", "random_tokens"] = "own_tokens",
        init_std: Annotated[float, Ge(0)] = 1.0,
    ) -> None:
        super().__init__()
        self.bins, self.init, self.init_std = bins, init, init_std

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Every vector has the norm of E's rows. Raises RecipeError for more columns than the source accepts."""
        assert isinstance(spec, TableSpec)
        assert isinstance(space, TokenSpace)
        check_columns(spec, space)
        self.make_tokens(spec, space, generator, space.width)
        return self

    def make_tokens(self, spec: TableSpec, space: TokenSpace, generator: Generator, width: int) -> None:
        """The vectors of all columns, `width` numbers each (D: initialized at tokens of the source; otherwise unit
        normal).
        """
        self.most, self.positions = spec.most, None if spec.words else len(spec.names)
        said = [f"{c.name} {value}" for c in spec.categories for value in (*c.values, "")[: len(c.values) + c.gaps]]
        names, count = [*spec.numbers, *said], len(spec.numbers)
        if width == space.width:
            rows = words_of(names, space, generator, self.init == "own_tokens")
            ends = words_of([""] * count, space, generator, False)
        else:
            rows, ends = (torch.randn(n, width, generator=generator) for n in (len(names), count))
        knots, gaps = torch.linspace(-1, 1, self.bins), torch.tensor(spec.gaps, dtype=torch.bool)
        self.curve = nn.Parameter(self.init_std * knots[None, :, None] * ends[:, None, :])  # (F, bins, W)
        self.middle = nn.Parameter(rows[:count].clone())
        self.gap = nn.Parameter(rows[:count][gaps].clone())
        self.register_buffer("gap_row", torch.where(gaps, gaps.cumsum(0) - 1, -1), persistent=False)
        self.categories = CategoryRows(spec, rows[count:].clone())
        self.register_buffer("embedding", space.embedding.detach(), persistent=False)

    def tokens(self, table: TableBatch) -> Tensor:
        """(B, F + G, W)."""
        knot = (table.numbers / self.most).clamp(-1, 1).add(1).mul((self.bins - 1) / 2)  # (B, F) in 0 .. bins - 1
        hats = (1 - (knot[..., None] - torch.arange(self.bins, device=knot.device)).abs()).clamp(min=0)
        numbers = torch.einsum("bfk,fkw->bfw", hats.to(self.curve.dtype), self.curve) + self.middle
        if len(self.gap):
            lost = table.missing & (self.gap_row >= 0)
            numbers = torch.where(lost[..., None], self.gap[self.gap_row.clamp(min=0)], numbers)
        return torch.cat([numbers, self.categories(table.categories)], dim=1)

    def forward(self, encoded: Batch) -> TokenInput:
        """(B, F) numbers, (B, G) categories, (B, T) text tokens -> (B, F + G + T, D)."""
        assert isinstance(encoded, TableBatch)
        return with_words(self.tokens(encoded), encoded, self.embedding)


class FeatureDictionary(FeatureTokens):
    """Column tokens as mixtures of n learned vectors: attention from `feature_tokens` of h d numbers to free keys and
    values, out = softmax(Q K^T / sqrt d) V W_O, each at the norm of E's rows.

    The ablation of `feature_prototypes`, whose keys and values come from the source's tokens, and the form in which
    such a program is saved.

    Args:
        bins: number of knots of each number column's curve.
        prototypes: n, the number of vectors.
        heads: number of attention heads.
        width: d of each head.
        dropout: dropout rate of the attention weights.
    """

    def __init__(
        self,
        bins: Annotated[int, Ge(2), Le(1024)] = 8,
        prototypes: Annotated[int, Ge(2), Le(10_000)] = 100,
        heads: Annotated[int, Ge(1), Le(256)] = 8,
        width: Annotated[int, Ge(1), Le(1024)] = 16,
        dropout: Annotated[float, Ge(0), Lt(1)] = 0.0,
    ) -> None:
        super().__init__(bins)
        self.prototypes, self.heads, self.width, self.dropout = prototypes, heads, width, Dropout(dropout)

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Normally distributed initial weights. Raises RecipeError for more columns than the source accepts."""
        assert isinstance(spec, TableSpec)
        assert isinstance(space, TokenSpace)
        check_columns(spec, space)
        inner = self.heads * self.width
        self.make_tokens(spec, space, generator, inner)
        self.make_dictionary(space, generator)
        self.out = nn.Parameter(torch.randn(inner, space.width, generator=generator) * inner**-0.5)
        self.norm = float(space.row_norm())
        return self

    def make_dictionary(self, space: TokenSpace, generator: Generator) -> None:
        """Free keys and values."""
        shape = (self.heads, self.prototypes, self.width)
        self.keys = nn.Parameter(torch.randn(shape, generator=generator))
        self.values = nn.Parameter(torch.randn(shape, generator=generator))

    def dictionary(self) -> tuple[Tensor, Tensor]:
        """Keys and values, (h, n, d) each, computed once per step for any batch."""
        return self.keys, self.values

    def forward(self, encoded: Batch) -> TokenInput:
        """As `FeatureTokens.forward`."""
        assert isinstance(encoded, TableBatch)
        query = rearrange(self.tokens(encoded), "b t (h d) -> b h t d", h=self.heads)
        keys, values = self.dictionary()
        weights = torch.softmax(query @ keys.transpose(1, 2) * self.width**-0.5, dim=-1)
        weights = self.dropout(weights)
        mixed = rearrange(weights @ values, "b h t d -> b t (h d)") @ self.out
        return with_words(F.normalize(mixed, dim=-1) * self.norm, encoded, self.embedding)


class FeaturePrototypes(FeatureDictionary):
    """Column tokens as mixtures of the source's tokens: K = U W_K, V = U W_V of the prototypes U = M E, M in R^{n x V}.

    Each row of M starts at one random token. U, K and V are computed once per step; a saved program holds only K and
    V. Source: Time-LLM's patch reprogramming, arXiv 2310.01728, section 3.1, for columns.

    Args:
        bins: number of knots of each number column's curve.
        prototypes: n, the rows of M.
        heads: number of attention heads.
        width: d of each head.
        dropout: dropout rate of the attention weights.
    """

    def make_dictionary(self, space: TokenSpace, generator: Generator) -> None:
        """Each row of M starts at one random token."""
        inner = self.heads * self.width
        words = torch.randint(len(space.embedding), (self.prototypes,), generator=generator)
        mixing = torch.zeros(self.prototypes, len(space.embedding))
        mixing[torch.arange(self.prototypes), words] = 1.0
        self.mixing = nn.Parameter(mixing)
        key, value = (torch.randn(space.width, inner, generator=generator) for _ in range(2))
        self.key, self.value = nn.Parameter(key / float(space.row_norm())), nn.Parameter(value * space.width**-0.5)

    def dictionary(self) -> tuple[Tensor, Tensor]:
        """U W_K and U W_V."""
        prototypes = self.mixing @ self.embedding.to(self.mixing.dtype)
        keys, values = (
            rearrange(prototypes @ side, "n (h d) -> h n d", h=self.heads) for side in (self.key, self.value)
        )
        return keys, values

    def merge(self) -> FeatureDictionary:
        """Keys and values instead of M, W_K and W_V."""
        made = FeatureDictionary(self.bins, self.prototypes, self.heads, self.width, self.dropout.share)
        for name in ("most", "positions", "norm", "curve", "middle", "gap", "categories", "out"):
            setattr(made, name, getattr(self, name))
        for name in ("gap_row", "embedding"):
            made.register_buffer(name, getattr(self, name), persistent=False)
        with torch.no_grad():
            keys, values = self.dictionary()
        made.keys, made.values = nn.Parameter(keys.contiguous()), nn.Parameter(values.contiguous())
        made.section = {**self.section, "name": "feature_dictionary"}
        return made.train(self.training)


class RowText(Transform):
    """Control: the row as text ("age is 39, job is clerk"), in the source's own tokens. Only `prompt` vectors in front
    of it are learned.

    Args:
        prompt: m, the number of learned vectors before the text.
    """

    takes: ClassVar[str] = "table"
    space: ClassVar[str] = "token"
    embedding: Tensor

    def __init__(self, prompt: Annotated[int, Ge(0), Le(4096)] = 0) -> None:
        super().__init__()
        self.prompt_length = prompt

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Raises RecipeError unless the encoder renders rows as text, and for more tokens than the source accepts."""
        assert isinstance(spec, TableSpec)
        assert isinstance(space, TokenSpace)
        if not spec.words:
            raise RecipeError(Problem("encoder.render", "false", "true: the transform row_text reads rows as text"))
        if spec.words + self.prompt_length > space.max_length:
            found = f"{spec.words} tokens of text and {self.prompt_length} before them"
            raise RecipeError(Problem("encoder.max_text_tokens", found, f"at most {space.max_length}"))
        words = torch.randint(len(space.embedding), (self.prompt_length,), generator=generator)
        self.prompt = nn.Parameter(space.embedding.detach().float().cpu()[words].clone())
        self.register_buffer("embedding", space.embedding.detach(), persistent=False)
        return self

    def forward(self, encoded: Batch) -> TokenInput:
        """(B, T) text tokens -> (B, m + T, D)."""
        assert isinstance(encoded, TableBatch)
        assert encoded.words is not None
        return with_words(self.prompt.expand(encoded.words.shape[0], -1, -1), encoded, self.embedding)


def with_words(tokens: Tensor, table: TableBatch, embedding: Tensor) -> TokenInput:
    """Tokens (B, T, D), then the row's text tokens in the source's own embeddings."""
    mask = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    if table.words is None or table.word_mask is None:
        return TokenInput(tokens, mask, 0, tokens.shape[1], full=True)
    said = F.embedding(table.words, embedding).to(tokens.dtype) * table.word_mask[..., None]
    mask = torch.cat([mask, table.word_mask], dim=1)
    return TokenInput(torch.cat([tokens, said], dim=1), mask, 0, mask.shape[1], bool(mask.all()))


def check_columns(spec: TableSpec, space: TokenSpace) -> None:
    """Raises RecipeError for more columns and text tokens than the source accepts."""
    tokens = len(spec.names) + spec.words
    if tokens > space.max_length:
        found = f"{len(spec.names)} columns and {spec.words} tokens of text"
        raise RecipeError(Problem("encoder", found, f"at most {space.max_length} tokens"))


def words_of(names: list[str], space: TokenSpace, generator: Generator, own: bool) -> Tensor:
    """An initial vector for each name, (n, D), with the norm of E's rows: the mean of the source's tokens in it, plus
    a random token at a quarter of the weight so that no two names coincide; a random token where the source knows none.
    """
    matrix = space.embedding.detach().float().cpu()
    chosen = matrix[torch.randint(len(matrix), (len(names),), generator=generator)].clone()
    if own:
        known = known_words(space)
        for row, name in zip(chosen, names):
            ids = [known[word] for word in re.findall(r"[a-z]+|[0-9]+", name.lower()) if word in known]
            if ids:
                row.copy_(matrix[ids].mean(dim=0) + 0.25 * row)
    return F.normalize(chosen, dim=1) * float(space.row_norm()) if len(names) else chosen
