"""Rows of a table: numbers, categories, and the tokens of their text."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from xmr.core.kinds.base import Batch, EncodedSet, Spec


@dataclass(frozen=True)
class Category:
    """A categorical column: its name, the values in training, and whether training had missing values.

    Ids count the values first, then `missing` and `unseen` (a value that training did not contain).
    """

    name: str
    values: tuple[str, ...]
    gaps: bool

    @property
    def missing(self) -> int:
        """The id of a missing value."""
        return len(self.values)

    @property
    def unseen(self) -> int:
        """The id of a value that training did not contain."""
        return len(self.values) + 1


@dataclass(frozen=True)
class TableSpec(Spec):
    """The columns of a table: F numeric, G categorical, and free-text columns.

    gaps: whether training had missing values in each numeric column; most: scaled numbers lie in [-most, most]; alike:
    (F + G, F + G) absolute rank correlations of the columns in training, as nested tuples; words: maximum number of
    text tokens per row.
    """

    numbers: tuple[str, ...]
    gaps: tuple[bool, ...]
    categories: tuple[Category, ...]
    most: float = 1.0
    texts: tuple[str, ...] = ()
    alike: tuple[tuple[float, ...], ...] = ()
    words: int = 0

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that are features: numbers first, then categories."""
        return (*self.numbers, *(column.name for column in self.categories))

    def facts(self) -> dict[str, Any]:
        """See `Spec.facts`."""
        return {**super().facts(), "categories": [asdict(column) for column in self.categories]}


@dataclass(frozen=True)
class TableBatch(Batch):
    """Rows of a table. numbers: (B, F), zero where missing; missing: (B, F), True there; categories: (B, G) ids, each
    counted within its column (see `Category`).

    words: (B, T) ids of the source's own tokens, right-padded, of the free-text columns or of the row rendered as
    text; word_mask: (B, T). None if there is no text.
    """

    varying: ClassVar[tuple[str, ...]] = ("words", "word_mask")

    numbers: Float[Tensor, "B F"]
    missing: Bool[Tensor, "B F"]
    categories: Int[Tensor, "B G"]
    words: Int[Tensor, "B T"] | None = None
    word_mask: Bool[Tensor, "B T"] | None = None

    def row(self, index: int) -> Tensor:
        """See `Batch.row`: numbers, whether each is missing, and categories, end to end."""
        return torch.cat([part[index].double() for part in (self.numbers, self.missing, self.categories)])

    def describe(self, spec: TableSpec) -> str:
        """See `Batch.describe`."""
        words = "" if self.words is None else f", {self.words.shape[1]} words"
        columns = f"{self.numbers.shape[1]} numbers, {self.categories.shape[1]} categories"
        return f"table of {len(self)} rows: {columns}{words}"

    def problems(self, spec: TableSpec) -> list[str]:
        """See `Batch.problems`."""
        found = []
        if not self.numbers.shape == self.missing.shape == (len(self), len(spec.numbers)):
            found.append(f"numbers {tuple(self.numbers.shape)} of {len(spec.numbers)} columns")
        if self.categories.shape != (len(self), len(spec.categories)):
            found.append(f"categories {tuple(self.categories.shape)} of {len(spec.categories)} columns")
        if self.numbers.numel() and float(self.numbers.abs().max()) > spec.most:
            found.append(f"numbers lie outside [-{spec.most}, {spec.most}]")
        if bool(self.numbers[self.missing].any()):
            found.append("missing numbers are not zero")
        for column, ids in zip(spec.categories, self.categories.T):
            if not 0 <= int(ids.min()) <= int(ids.max()) <= column.unseen:
                found.append(f"ids of {column.name!r} lie outside 0 to {column.unseen}")
        return found

    def patches(self, most: int = 0) -> Tensor:
        """See `Batch.patches`: a patch per column, numbers first: (B, F + G)."""
        return torch.arange(self.numbers.shape[1] + self.categories.shape[1]).expand(len(self), -1)

    def hide(self, patches: Tensor, patch: int, spec: TableSpec) -> TableBatch:
        """A number is missing; a category is one that training did not see."""
        numbers = self.numbers.shape[1]
        if patch < numbers:
            values, missing = self.numbers.clone(), self.missing.clone()
            values[:, patch], missing[:, patch] = 0.0, True
            return replace(self, numbers=values, missing=missing)
        categories = self.categories.clone()
        categories[:, patch - numbers] = spec.categories[patch - numbers].unseen
        return replace(self, categories=categories)


class TableSet(EncodedSet):
    """Encoded rows of a table. raw: the numbers as they are in the file, NaN where missing, (n, F) float64."""

    records_per_batch: int | None = 256

    def __init__(
        self,
        numbers: np.ndarray,
        missing: np.ndarray,
        categories: np.ndarray,
        words: list[list[int]] | None,
        raw: np.ndarray,
    ) -> None:
        self.raw = raw
        self.numbers = torch.from_numpy(numbers)
        self.missing, self.categories = torch.from_numpy(missing), torch.from_numpy(categories)
        self.words: Tensor | None = None
        if words is not None:
            lengths = torch.tensor([len(row) for row in words], dtype=torch.long)
            width = max([1, *map(len, words)])
            self.words = torch.zeros(len(words), width, dtype=torch.long)
            self.word_mask = torch.arange(width) < lengths[:, None]
            self.words[self.word_mask] = torch.tensor([word for row in words for word in row], dtype=torch.long)
            self.lengths = lengths
        self.cost = np.ones(len(numbers), dtype=np.int64)
        self.width = self.cost

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.numbers)

    def batch(self, records: np.ndarray) -> TableBatch:
        """These rows in this order."""
        index = torch.from_numpy(np.asarray(records))
        numbers, missing, categories = self.numbers[index], self.missing[index], self.categories[index]
        if self.words is None:
            return TableBatch(numbers, missing, categories)
        longest = max(1, int(self.lengths[index].max()))
        return TableBatch(numbers, missing, categories, self.words[index, :longest], self.word_mask[index, :longest])
