"""What every kind of data defines for itself: its description, its batches and its encoded data sets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from xmr.core.batching import inference_batches, training_batches

MAX_CACHED_BYTES = 2 << 30  # larger results are not cached: every step computes its own
CACHED_AT_ONCE = 64


@dataclass(frozen=True)
class Spec:
    """What a transform knows of the target domain before it makes its parameters."""

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, where every record has the same ones; else empty."""
        return ()

    def facts(self) -> dict[str, Any]:
        """Its fields as plain JSON."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.compare}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


@dataclass(frozen=True)
class Windows:
    """The record of which each row of a batch is a window. owner: (B,), start: (B,) in symbols, records: R.

    weight: (B, L), one over the number of windows that cover a position, so that a weighted mean over windows counts
    every symbol of a record once; None if all windows have equal weight (signals).
    """

    owner: Int[Tensor, " B"]
    start: Int[Tensor, " B"]
    weight: Float[Tensor, "B L"] | None
    records: int


@dataclass(frozen=True)
class Batch(ABC):
    """A few encoded records. A kind is a frozen dataclass of tensors whose first axis is the rows of the batch.

    `row`, `describe` and `problems` must be written; a kind whose reports should show which part of a record matters
    also writes `patches`, `hide` and `display`.

    varying: names of the tensors whose second axis differs between batches.
    """

    varying: ClassVar[tuple[str, ...]] = ()

    def tensors(self) -> dict[str, Tensor]:
        """What a program reads, by name; without windows and cached values."""
        found = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "precomputed"}
        return {name: value for name, value in found.items() if torch.is_tensor(value)}

    @property
    def windows(self) -> Windows | None:
        """Which record each row is a window of; None where every row is a record."""
        return None

    @property
    def precomputed(self) -> Tensor | None:
        """What `Transform.precompute` made of each row, (B, ...), where the data set cached it."""
        return None

    @property
    def full(self) -> bool:
        """Whether nothing is padded."""
        return True

    @property
    def token_mask(self) -> Tensor | None:
        """(B, L), True at content, where every position of a record becomes one token; None for other kinds."""
        return None

    @property
    def cost(self) -> int:
        """What a step over this batch costs, padding included: its tokens, or its records."""
        return len(self) if self.windows is None else self.windows.records

    def __len__(self) -> int:
        """Number of rows."""
        return len(getattr(self, fields(self)[0].name))

    @abstractmethod
    def row(self, index: int) -> Tensor:
        """The content of one row, without padding."""

    @abstractmethod
    def describe(self, spec: Any) -> str:
        """Its shape, in one line. spec: the encoder's `Spec` of the same kind."""

    @abstractmethod
    def problems(self, spec: Any) -> list[str]:
        """Where it disagrees with the spec, in words; empty for a sound batch."""

    def patches(self, most: int = 48) -> Tensor | None:
        """The patch every position belongs to, at most `most` per axis, -1 at padding: (B, L) or (B, H, W).

        None where nothing can be hidden.
        """
        return None

    def hide(self, patches: Tensor, patch: int, spec: Any) -> Self:
        """The batch with one of its `patches` replaced by what says nothing, such as a mean."""
        raise NotImplementedError(f"{type(self).__name__} hides no patches")

    def display(self, row: int, spec: Any) -> list[str] | np.ndarray | None:
        """What a report shows of a row: texts, one per position; curves (C, L); an image (C, H, W); or None."""
        return None

    def to(self, device: torch.device) -> Self:
        """The batch on a device."""
        if device.type == "cpu":
            return self
        return self._each(lambda tensor: moved(tensor, device))

    def take(self, records: int) -> Self:
        """The first few records."""
        rows = records if self.windows is None else int((self.windows.owner < records).sum())
        return self._each(lambda tensor: tensor[:rows], records)

    def _each(self, change: Callable[[Tensor], Tensor], records: int | None = None) -> Self:
        """Every tensor changed. records: how many records the windows belong to, where that changes."""

        def changed(value: Any) -> Any:
            """A field of the batch: a tensor, windows of tensors, or what stays as it is."""
            if torch.is_tensor(value):
                return change(value)
            if isinstance(value, Windows):
                weight = None if value.weight is None else change(value.weight)
                owners = value.records if records is None else min(records, value.records)
                return Windows(change(value.owner), change(value.start), weight, owners)
            return value

        return replace(self, **{field.name: changed(getattr(self, field.name)) for field in fields(self)})


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on a device; to CUDA through pinned memory, so that the copy overlaps with what is computed there."""
    pinned = tensor.pin_memory() if device.type == "cuda" and tensor.device.type == "cpu" else tensor
    return pinned.to(device, non_blocking=True)


class EncodedSet(ABC):
    """A data set encoded once. `cost` and `width`: tokens of each record over all its rows, and of its longest row.

    records_per_batch: for records of one size (images), which are counted and not measured in tokens, how many are
    predicted at once; None for records measured in tokens.
    """

    cost: np.ndarray
    width: np.ndarray
    records_per_batch: int | None = None

    @abstractmethod
    def __len__(self) -> int:
        """Number of records."""

    @abstractmethod
    def batch(self, records: np.ndarray) -> Batch:
        """The encoded batch of these records, in this order."""

    @property
    def positions(self) -> np.ndarray:
        """Positions of each record, for labels per position: (records,)."""
        raise NotImplementedError(f"{type(self).__name__} has no labels per position")

    def align(self, flat: Tensor, records: np.ndarray, fill: int) -> Tensor:
        """Per-position values (all records end to end) placed like the positions of `batch(records)`: (B, L)."""
        raise NotImplementedError(f"{type(self).__name__} has no labels per position")

    def cache(self, compute: Callable[[Batch], Tensor]) -> None:  # noqa: B027  (most have no room for it)
        """Keep what a transform computes of each row without its parameters; see `Batch.precomputed`."""

    def training_batches(self, records: int, tokens: int, rng: np.random.Generator) -> list[np.ndarray]:
        """One epoch in random order: `records` per batch where records are counted, else at most `tokens`."""
        return training_batches(self.cost, self.width, tokens if self.records_per_batch is None else records, rng)

    def prediction_batches(self, tokens: int, programs: int = 1) -> list[np.ndarray]:
        """Every record once, with minimal padding. tokens: of a batch over all programs, where records are measured."""
        return inference_batches(self.cost, self.width, max(1, (self.records_per_batch or tokens) // programs))


def cached_rows(compute: Callable[[np.ndarray], Tensor], n: int) -> Tensor | None:
    """compute: indices of rows -> one row each. All n rows, or None where they would take too much memory."""
    chunks: list[Tensor] = []
    for begin in range(0, n, CACHED_AT_ONCE):
        rows = np.arange(begin, min(n, begin + CACHED_AT_ONCE))
        chunks.append(compute(rows))
        if chunks[0].numel() * chunks[0].element_size() * (n / len(chunks[0])) > MAX_CACHED_BYTES:
            return None
    return torch.cat(chunks) if chunks else None


def spans(mask: Tensor, most: int) -> Tensor:
    """mask: (B, L), right-padded -> the span of every position, at most `most` equal ones per record; -1 at padding."""
    lengths = mask.sum(dim=1, keepdim=True)
    position = torch.arange(mask.shape[1], device=mask.device)[None]
    return torch.where(mask, position * lengths.clamp(max=most) // lengths.clamp(min=1), -1)
