"""The contract of an output transformation, and pooling over positions and windows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, Self

import torch
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, EncodedSet, Spec
from xmr.core.spaces import PooledFeatures, SourceOutput

HiddenPool = Literal[
    "mean", "cls", "last", "attention"
]  # pools that return one hidden state, the input of the source's own head
Pool = Literal[HiddenPool, "concat", "statistics"]


class Output(nn.Module, ABC):
    """Maps the source's features to target logits. Constructor arguments are its recipe section.

    `tasks` names the tasks it supports. Counted mappings learn from `update`, which receives what the training step
    has computed, and from `on_epoch`; they need no further pass over the data.
    """

    section: dict[str, Any]  # the recipe section it was made from (xmr.core.component.create)
    tasks: ClassVar[tuple[str, ...]] = ("classification", "multilabel", "regression")
    counts_before_training: ClassVar[bool] = False
    needs_features: ClassVar[bool] = False  # whether `prime` is called before training
    on_host: ClassVar[tuple[str, ...]] = ()  # buffers that Python reads in every step: they stay on the CPU
    reads_all: bool = False  # one output for all programs, whose `forward` receives a list with the features of each
    target_names: tuple[str, ...] = ()  # of the target classes, set before `build`
    spec: Spec = Spec()  # of the target domain, set before `build`
    programs: int = 1  # size of the ensemble, set before `build`

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        """To another device or type, but for what stays on the CPU, where reading it waits for nothing."""
        moved = super()._apply(fn, recurse)
        for name in self.on_host:
            if name in moved._buffers:  # that `build` has made
                setattr(moved, name, getattr(moved, name).cpu())
        return moved

    @abstractmethod
    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Create the parameters. source: the frozen `Source`; outputs: K; length: L if all records have the same
        length.
        """

    @abstractmethod
    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """Target logits of every record, (R, K); per position (B, L, K)."""

    def fit_features(self, data: EncodedSet) -> None:
        """Fit what depends on the plain training records alone; called once, before `counts_before_training`."""

    def prime(self, features: Tensor, ids: Sequence[str]) -> None:
        """Fit what depends on the features of the training records behind the untrained transform, (n, D'), and their
        ids; see `needs_features`.
        """

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """Give buffers whose size depends on the training records the shapes of a saved program."""

    def update(self, target: Tensor) -> None:
        """Count the batch of the last training `forward`, given its labels (R,)."""

    def refit_passes(self, records: int, varied: bool) -> int:
        """Number of passes over the training records after training, for outputs solved from their features.

        varied: whether the encoder augments records.
        """
        return 0

    @property
    def recounts(self) -> bool:
        """Whether it is made again after the transform was searched without gradients."""
        return self.counts_before_training

    def reset(self) -> None:
        """Discard what was counted since the last `compute`; the next training records are counted in any case."""

    def due(self) -> bool:
        """Whether to call `compute` at the end of this epoch."""
        return False

    def share(self, total: Callable[[Tensor], Tensor], gather: Callable[[Tensor], Tensor]) -> None:
        """Combine what the processes of a run counted. total: the sum over processes; gather: their rows."""

    def compute(self) -> None:
        """Compute the mapping from the counts; also called once before training by mappings that need counts then."""

    def mapping(self) -> Tensor | None:
        """Weight of each source class in each target, (K_S, K_T), columns summing to one; None: no mapping."""
        return None

    def merge(self, source: Any) -> Output:
        """An equal output without the parts that only training needs."""
        return self

    def regularization(self) -> Tensor | None:
        """A term the method adds to the loss, or None."""
        return None

    def on_epoch(self) -> None:
        """Called after each training epoch; iterative mappings recompute the mapping from their counts."""


class Pooling(nn.Module):
    """One vector per record from the hidden states at all positions; sources that return one vector are passed through.

    mean: over the target's symbols, each counted once even if several windows cover it; cls: the first position; last:
    the last symbol; attention: softmax(h q / sqrt D') over the symbols, q learned; concat: all positions concatenated,
    for records of equal length (aligned variants); statistics: mean, standard deviation, maximum and minimum
    concatenated (statistics pooling, Snyder et al. 2018). Windows of a long record are pooled together.
    """

    def __init__(self, pool: Pool, width: int, length: int | None) -> None:
        super().__init__()
        self.pool = pool
        if pool == "attention":
            self.query = nn.Parameter(torch.zeros(width))
        if pool == "concat" and length is None:
            raise ValueError("output.pool: concat needs records of equal length; use mean")
        self.width = width * {"concat": length or 1, "statistics": 4}.get(pool, 1)

    def forward(self, answer: SourceOutput, encoded: Batch | None) -> Tensor:
        """hidden (B, T, D') or features (B, D') -> (R, D'). encoded: None where every row is a whole record."""
        windows = None if encoded is None else encoded.windows
        if isinstance(answer, PooledFeatures):
            return _over_windows(answer.features.float(), windows)
        if encoded is not None and encoded.token_mask is not None:
            mask, full = encoded.token_mask, encoded.full
        else:  # patches and other tokens
            everywhere = answer.mask.new_ones(answer.mask.shape[0], answer.length)
            mask, full = answer.content if answer.content is not None else everywhere, answer.content is None
        if self.pool == "cls":
            return _over_windows(answer.hidden[:, 0].float(), windows)
        hidden = answer.aligned.float()
        if self.pool == "concat":
            return hidden.flatten(1)
        if self.pool == "last":
            ends = mask.sum(dim=1) - 1
            last = hidden[torch.arange(hidden.shape[0], device=ends.device), ends]
            return last if windows is None else _last_window(last, windows.owner, windows.records)
        if windows is None and full and self.pool == "mean":
            return hidden.mean(dim=1)
        shares = windows.weight if windows is not None else None
        weight = mask.to(hidden.dtype) if shares is None else shares
        if self.pool == "attention":
            score = (hidden @ self.query) * self.query.shape[0] ** -0.5
            top = score.masked_fill(~mask, -torch.inf).amax(dim=1, keepdim=True)
            if windows is not None:  # one shift per record, so that its windows share one softmax
                most = top.new_full((windows.records,), -torch.inf)
                most = most.scatter_reduce(0, windows.owner, top[:, 0], "amax")
                top = most[windows.owner][:, None]
            weight = weight * torch.exp((score - top.detach()).clamp(max=0.0)).masked_fill(~mask, 0.0)
        mean = _weighted_mean(hidden, weight, windows)
        if self.pool != "statistics":
            return mean
        center = mean if windows is None else mean[windows.owner]
        deviation = _weighted_mean((hidden - center[:, None]).square(), weight, windows).clamp(min=1e-10).sqrt()
        return torch.cat([mean, deviation, _greatest(hidden, mask, windows), -_greatest(-hidden, mask, windows)], dim=1)


class Answers(Pooling):
    """The logits of the source's own classes of the pooled hidden state, instead of the state: width K_S."""

    def __init__(self, pool: Pool, source: Any) -> None:
        super().__init__(pool, source.hidden_width, None)
        self.width, self._answer = source.classes, source.answers

    def forward(self, answer: SourceOutput, encoded: Batch | None) -> Tensor:
        """hidden (B, T, D') or features (B, D') -> (R, K_S)."""
        return self._answer(super().forward(answer, encoded))


def _weighted_mean(values: Tensor, weight: Tensor, windows: Any) -> Tensor:
    """values (B, L, D) with weights (B, L) -> the mean of each record (R, D) over all its windows."""
    total, mass = torch.einsum("bl,bld->bd", weight, values), weight.sum(dim=1)
    if windows is not None:
        total = total.new_zeros(windows.records, total.shape[1]).index_add(0, windows.owner, total)
        mass = mass.new_zeros(windows.records).index_add(0, windows.owner, mass)
    return total / mass[:, None]


def _greatest(values: Tensor, mask: Tensor, windows: Any) -> Tensor:
    """values (B, L, D) -> the maximum of each record (R, D) where the mask is True, over all its windows."""
    found = values.masked_fill(~mask[..., None], -torch.inf).max(dim=1).values
    if windows is None:
        return found
    owner = windows.owner[:, None].expand_as(found)
    return found.new_full((windows.records, found.shape[1]), -torch.inf).scatter_reduce(0, owner, found, "amax")


def _over_windows(vectors: Tensor, windows: Any) -> Tensor:
    """Mean of each record's windows."""
    if windows is None:
        return vectors
    total = vectors.new_zeros(windows.records, vectors.shape[1]).index_add(0, windows.owner, vectors)
    return total / counted(windows.owner, windows.records)[:, None]


def counted(index: Tensor, most: int) -> Tensor:
    """How often each number below `most` occurs, (most,) int64: as `bincount`, which would wait for a GPU."""
    return torch.zeros(most, dtype=torch.int64, device=index.device).index_add(0, index, torch.ones_like(index))


def _last_window(vectors: Tensor, owner: Tensor, records: int) -> Tensor:
    """The vector of each record's last window; windows of a record stand in order."""
    ends = counted(owner, records).cumsum(0) - 1
    return vectors[ends]
