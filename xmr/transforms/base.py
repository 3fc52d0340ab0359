"""The contract of an input transformation, and what all transformations of symbols into token space share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, Spec, SymbolBatch, SymbolSpec
from xmr.core.spaces import SourceInput, Space, TokenInput, TokenSpace
from xmr.errors import Problem, RecipeError

Features = Callable[[SourceInput], Tensor]  # a batch in the source's space -> its features (B, D'), no gradient
Init = Literal["random_tokens", "letters", "own_tokens", "given_tokens", "similar_tokens", "property_tokens"]


class Transform(nn.Module, ABC):
    """One cell of the grid. Constructor arguments are its recipe section; `build` makes its parameters.

    `takes` and `space` name the cell. `merge` returns an equal transform that holds only what prediction needs.
    `learns`: whether it has parameters that training changes.
    `needs_features`: whether it is fitted, before training, on the source's features of the plain training records.
    `reads_features`: whether it depends on the source's features of each record (`set_feature_extractor`).
    """

    learns: ClassVar[bool] = True
    needs_features: ClassVar[bool] = False
    reads_features: ClassVar[bool] = False

    member: int = 0  # which program of an ensemble it belongs to, set before `build`
    programs: int = 1  # size of the ensemble, set before `build`
    positions: int | None = None  # content tokens per record, where every record has as many

    section: dict[str, Any]  # the recipe section it was made from (xmr.core.component.create)
    takes: ClassVar[str]
    space: ClassVar[str]

    def capacity(self, space: Space) -> int:
        """The maximum number of symbols per sequence, given what the transform adds; called before `build`."""
        return space.max_length if isinstance(space, TokenSpace) else 512

    @abstractmethod
    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """Make the parameters for this target domain and source; all randomness comes from `generator`."""

    @abstractmethod
    def forward(self, encoded: Batch) -> SourceInput:
        """Encoded target -> input of the source."""

    def set_feature_extractor(self, features: Features, width: int, generator: Generator) -> None:
        """Receive the frozen source's features as a function, and their width D'; called once, after `build`."""

    def precompute(self, encoded: Batch) -> Tensor | None:
        """What does not depend on the parameters, one row per row of the batch: data sets that can cache it compute it
        once and return it as `encoded.precomputed`. None: nothing to cache.
        """
        return None

    def table(self) -> Tensor | None:
        """The embedding of every letter, (A, D), where the transform has one."""
        return None

    def idle(self) -> tuple[str, ...]:
        """Names of parameters that the present stage of the method does not train."""
        return ()

    def regularization(self) -> Tensor | None:
        """A term the method adds to the loss, or None."""
        return None

    def fit_features(self, features: Tensor, generator: Generator) -> None:
        """Fit what depends on the source's features (n, D') of the training set; see `needs_features`."""

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """Give buffers whose size depends on the training records the shapes of a saved program."""

    def lr_scales(self) -> dict[str, float]:
        """Learning rates as multiples of training.learning_rate, by prefix of the parameters' names."""
        return {}

    def on_epoch(self, epoch: int, epochs: int) -> None:
        """Called before each epoch; for schedules and projections that belong to the method."""

    def merge(self) -> Transform:
        """An equal transform without the parts that only training needs (Theta E instead of Theta and E)."""
        return self


class SymbolTransform(Transform):
    """Symbols into token space by a table with one vector per letter; mixtures are means of letters.

    `table` is computed once per step, for any batch: (A, D). Location: embedding; operator: parametric.
    """

    takes: ClassVar[str] = "symbols"
    space: ClassVar[str] = "token"
    blends: Tensor
    hidden: Tensor | None  # (1, D), the source's mask token, where the last symbol stands for a hidden letter

    @abstractmethod
    def table(self) -> Tensor:
        """The embedding of every letter: (A, D)."""

    def symbol_table(self) -> Tensor:
        """The embedding of every symbol, mixtures included: (S, D)."""
        rows = with_blends(self.table(), self.blends)
        return rows if self.hidden is None else torch.cat([rows[:-1], self.hidden])

    def register_alphabet(self, spec: Spec, space: Space | None = None) -> SymbolSpec:
        """Store which letters each mixture averages, and the source's mask token."""
        assert isinstance(spec, SymbolSpec), "symbols come with an alphabet"
        self.register_buffer("blends", spec.blends(), persistent=False)
        row = None
        if spec.hidden and isinstance(space, TokenSpace) and space.mask is not None:
            row = space.embedding[space.mask : space.mask + 1].detach().float().clone()
        self.register_buffer("hidden", row, persistent=False)
        return spec

    def forward(self, encoded: Batch) -> TokenInput:
        """ids (B, L) -> embeddings (B, L, D). Raises ValueError if an id lies outside the alphabet (on CPU)."""
        assert isinstance(encoded, SymbolBatch)
        table = self.symbol_table()
        embeddings = F.embedding(checked_ids(encoded.ids, len(table)), table)
        return TokenInput(embeddings, encoded.mask, 0, encoded.ids.shape[1], encoded.full)


def with_blends(letters: Tensor, blends: Tensor) -> Tensor:
    """Rows of the letters (A, ...), then those of the mixtures: (S, ...)."""
    if not len(blends):
        return letters
    return torch.cat([letters, (blends @ letters.flatten(1)).view(len(blends), *letters.shape[1:])])


def checked_ids(ids: Tensor, symbols: int) -> Tensor:
    """The ids themselves. Raises ValueError naming an id outside 0 .. symbols - 1 (not checked on accelerators, where
    it would synchronize).
    """
    if torch.compiler.is_compiling() or ids.device.type != "cpu" or not ids.numel():
        return ids
    if not 0 <= int(ids.min()) <= int(ids.max()) < symbols:
        low, high = int(ids.min()), int(ids.max())
        raise ValueError(f"symbol ids {low} to {high} lie outside the alphabet of {symbols} symbols")
    return ids


def word_ids(
    init: Init, words: tuple[str, ...] | None, letters: Sequence[str], space: TokenSpace, generator: Generator
) -> Tensor:
    """The source token at which each letter is initialized: (A,) token ids. Raises RecipeError for unknown tokens."""
    vocabulary, specials = len(space.embedding), {*space.prefix, *space.suffix}
    if init in ("letters", "given_tokens"):
        asked = tuple(letter.lower() for letter in letters) if init == "letters" else tuple(words or ())
        if len(asked) != len(letters):
            named = ", ".join(letters) if len(letters) <= 30 else f"{len(letters)} symbols"
            raise RecipeError(
                Problem("transform.init_tokens", f"{len(asked)} words", f"{len(letters)}, one for each: {named}")
            )
        known = known_words(space)
        found = [known.get(word, known.get(word.lower())) for word in asked]
        missing = [word for word, index in zip(asked, found) if index is None]
        if missing:
            raise RecipeError(
                Problem(
                    f"transform.init: {init}",
                    f"{missing[0]!r}, not one word of the source",
                    "words of its vocabulary",
                )
            )
        return torch.tensor(found)
    plain = [
        index
        for index, word in enumerate(space.words)
        if word.isalpha() and word.isascii() and len(word) > 2 and index not in specials
    ]
    pool = torch.tensor(plain if len(plain) >= len(letters) else list(range(vocabulary)))
    order = torch.randperm(len(pool), generator=generator)
    chosen = pool[order.repeat(-(-len(letters) // len(pool)))[: len(letters)]]  # more symbols than words: again
    if init == "own_tokens":
        known = known_words(space)
        known |= {f"#{index}": index for index in range(vocabulary)}  # as `encoder.units: source` names them
        for place, letter in enumerate(letters):
            chosen[place] = known.get(letter, known.get(letter.lower(), int(chosen[place])))
    return chosen


def known_words(space: TokenSpace) -> dict[str, int]:
    """Tokens of the source that are whole words -> token id; also in lower case, where that is no token of its own."""
    words = [(word.lstrip("▁Ġ"), index) for index, word in reversed(list(enumerate(space.words)))]
    return {word.lower(): index for word, index in words} | dict(words)


def start_rows(
    init: Init, words: tuple[str, ...] | None, alphabet: SymbolSpec, space: TokenSpace, generator: Generator
) -> Tensor:
    """Initial embeddings of the letters, (A, D), each with the norm of E's rows.

    `own_tokens` initializes a symbol at the source's token for it, where there is one. `similar_tokens` mixes random
    tokens by the similarity of the letters (BLOSUM62, for proteins), so that exchangeable residues start as neighbors.
    `property_tokens` places them by their physicochemical properties, each along a random direction of the vocabulary.
    """
    with torch.no_grad():
        if init == "property_tokens":
            return _property_rows(alphabet, space, generator)
        ids = word_ids("random_tokens" if init == "similar_tokens" else init, words, alphabet.letters, space, generator)
        rows = space.embedding[ids.to(space.embedding.device)].float().cpu().clone()
        if init == "similar_tokens":
            if alphabet.similarity is None:
                raise _only_for_proteins(init)
            rows = _at_norm(alphabet.similarity() @ rows, space)
    return rows


def _property_rows(alphabet: SymbolSpec, space: TokenSpace, generator: Generator) -> Tensor:
    """Each property of the letters along a random direction of the vocabulary, the difference of two tokens: (A, D)."""
    if alphabet.properties is None:
        raise _only_for_proteins("property_tokens")
    scales = alphabet.properties()  # (A, P)
    letters = tuple(map(str, range(2 * scales.shape[1])))
    ids = word_ids("random_tokens", None, letters, space, generator)
    tokens = space.embedding[ids.to(space.embedding.device)].float().cpu()
    return _at_norm(scales @ (tokens[::2] - tokens[1::2]), space)


def _at_norm(rows: Tensor, space: TokenSpace) -> Tensor:
    """Rows at the median norm of E's rows."""
    return rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12) * space.row_norm().cpu()


def _only_for_proteins(init: Init) -> RecipeError:
    return RecipeError(Problem("transform.init", init, "random_tokens: only proteins have similarities and properties"))
