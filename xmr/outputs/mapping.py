"""Counted label mappings: all of them are functions of counts d[s, t], how often the source says s when the label is t.

The counts come free from the logits of the training epoch. `assign` and `bayesian` work on any source: the vocabulary
of a language model, the classes of an image classifier.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Gt
from torch import Generator, Tensor

from xmr.errors import Problem, RecipeError
from xmr.outputs.base import Output, Pool, Pooling
from xmr.spaces import Encoded, SourceOutput


def count(source_class: Tensor, target: Tensor, sources: int, targets: int) -> Tensor:
    """d[s, t] from the source's answers (n,) and the labels (n,): (K_S, K_T), one bincount."""
    return torch.bincount(source_class * targets + target, minlength=sources * targets).reshape(sources, targets)


def soft_count(logits: Tensor, target: Tensor, targets: int, top: int) -> Tensor:
    """d[s, t] adding the softmax probabilities of each answer's `top` classes: (K_S, K_T). Bayesian+ of BLM."""
    probability, classes = torch.softmax(logits, dim=1).topk(top, dim=1)
    cells = (classes * targets + target[:, None]).reshape(-1)
    flat = torch.zeros(logits.shape[1] * targets, dtype=probability.dtype, device=logits.device)
    return flat.index_add(0, cells, probability.reshape(-1)).reshape(logits.shape[1], targets)


def random_groups(sources: int, targets: int, size: int, generator: Generator) -> Tensor:
    """K_T disjoint groups of `size` source classes: (K_T, size). Elsayed, arXiv 1806.11146; Voice2Series."""
    return torch.randperm(sources, generator=generator)[: targets * size].reshape(targets, size)


def assign(counts: Tensor, size: int = 1) -> Tensor:
    """Frequent label mapping: greedily take the largest entry of d, remove its row, and its column once full.

    counts: (K_S, K_T) -> groups (K_T, size). Ties, and targets whose examples never met a free source class, take the
    lowest free cell in the order (s, t), so the result is defined for every d. One stable sort, then a walk that ends
    as soon as all groups are full. Source: BAR, arXiv 2007.08714; ILM-VP, arXiv 2211.11635.
    """
    targets = counts.shape[1]
    order = torch.sort(counts.reshape(-1), descending=True, stable=True).indices.tolist()
    groups: list[list[int]] = [[] for _ in range(targets)]
    taken: set[int] = set()
    left = targets * size
    for cell in order:
        source, target = divmod(cell, targets)
        if source in taken or len(groups[target]) == size:
            continue
        groups[target].append(source)
        taken.add(source)
        left -= 1
        if not left:
            break
    return torch.tensor(groups, device=counts.device)


def bayesian(counts: Tensor, smoothing: float) -> Tensor:
    """omega[s, t] = d[s, t] / (sum_t d[s, t] + lambda), each column divided by its sum: (K_S, K_T).

    A silent source class has weight zero in every column; a target without any count spreads its weight evenly.
    Source: BLM, arXiv 2410.24018, eq. 6 to 8.
    """
    d = counts.double()
    rows = d / (d.sum(dim=1, keepdim=True) + smoothing)
    rows = torch.nan_to_num(rows)  # lambda = 0 and a silent class: 0 / 0
    mass = rows.sum(dim=0, keepdim=True)
    return torch.where(mass > 0, rows / mass.clamp(min=1e-300), 1 / len(rows)).to(torch.float32)


class CountedMapping(Output):
    """What counted mappings share: source logits of the pooled hidden state, and the counts of the running epoch."""

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    remaps: ClassVar[bool] = False
    counts: Tensor
    ready: Tensor

    def __init__(self, pool: Pool = "mean") -> None:
        super().__init__()
        self.pool_name = pool

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Counts start empty. Raises RecipeError when the source has fewer classes than the target."""
        needed = outputs * getattr(self, "size", 1)
        if source.classes < needed:
            raise RecipeError(
                Problem("output", f"{needed} source classes needed", f"at most the source's {source.classes}")
            )
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        self.register_buffer("counts", torch.zeros(source.classes, outputs, dtype=torch.float64), persistent=False)
        self.register_buffer("ready", torch.tensor(False))
        self.prepare(source.classes, outputs, generator)
        return self

    @abstractmethod
    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """Make the buffers of the mapping."""

    @abstractmethod
    def map(self, logits: Tensor) -> Tensor:
        """Source logits (R, K_S) -> target logits (R, K_T)."""

    def remake(self) -> None:
        """Remake the mapping from the counts."""

    def refresh(self) -> None:
        """Remake the mapping from what was counted, and start counting anew."""
        self.remake()
        self.ready.fill_(True)
        self.counts.zero_()

    def tally(self, logits: Tensor, target: Tensor) -> Tensor:
        """The counts one batch adds."""
        return count(logits.argmax(dim=1), target, *self.counts.shape)

    def forward(self, answer: SourceOutput, encoded: Encoded, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = source.answers(self.pool(answer, encoded))
        self._seen = logits.detach() if self.training else None
        return self.map(logits)

    def observe(self, target: Tensor) -> None:
        """Add the last training batch to the counts."""
        waiting = self.counts_before_training and not bool(self.ready)
        if self._seen is not None and (self.remaps or waiting):
            self.counts += self.tally(self._seen.float(), target)
        self._seen = None

    def on_epoch(self) -> None:
        """Remap from the finished epoch's counts."""
        if self.remaps:
            self.refresh()


class _Groups(CountedMapping):
    """Mappings that give each target a group of source classes: mean of probabilities, or the logit itself."""

    groups: Tensor

    def __init__(self, pool: Pool = "mean", size: Annotated[int, Ge(1)] = 1) -> None:
        super().__init__(pool)
        self.size = size

    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """Random groups, until counts say better."""
        self.register_buffer("groups", random_groups(sources, outputs, self.size, generator))

    def map(self, logits: Tensor) -> Tensor:
        """One class a target: its logit. Several: log of the mean of their probabilities."""
        if self.size == 1:
            return logits[:, self.groups[:, 0]]
        probability = torch.log_softmax(logits, dim=1)[:, self.groups]  # (R, K_T, size)
        return torch.logsumexp(probability, dim=2) - torch.log(torch.tensor(float(self.size)))

    def remake(self) -> None:
        """Greedy assignment on the counts."""
        self.groups.copy_(assign(self.counts, self.size))


class RandomMapping(_Groups):
    """K_T disjoint groups of source classes drawn with the recipe's seed. Nothing is learned or counted.

    Source: Elsayed, arXiv 1806.11146 (one class a target); Voice2Series, arXiv 2106.09296 (many-to-one).

    Args:
        pool: how positions become one vector before the source's head.
        size: source classes a target.
    """


class FrequentMapping(_Groups):
    """Counted once over the training part before training, then fixed. Source: BAR 2007.08714; ILM-VP 2211.11635.

    Args:
        pool: how positions become one vector before the source's head.
        size: source classes a target.
    """

    counts_before_training: ClassVar[bool] = True


class IterativeMapping(_Groups):
    """The frequent mapping, remade after every epoch from that epoch's own logits. Source: ILM-VP 2211.11635.

    Args:
        pool: how positions become one vector before the source's head.
        size: source classes a target.
    """

    counts_before_training: ClassVar[bool] = True
    remaps: ClassVar[bool] = True


class BayesianMapping(CountedMapping):
    """y_T = logits_S omega, omega from counts by `bayesian`, remade every epoch. Source: BLM, arXiv 2410.24018.

    Args:
        pool: how positions become one vector before the source's head.
        smoothing: lambda.
    """

    counts_before_training: ClassVar[bool] = True
    remaps: ClassVar[bool] = True
    omega: Tensor

    def __init__(self, pool: Pool = "mean", smoothing: Annotated[float, Ge(0)] = 1.0) -> None:
        super().__init__(pool)
        self.smoothing = smoothing

    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """Uniform until the first counts."""
        self.register_buffer("omega", torch.full((sources, outputs), 1 / sources))

    def map(self, logits: Tensor) -> Tensor:
        """logits omega."""
        return logits @ self.omega

    def remake(self) -> None:
        """Conditional probabilities from the counts."""
        self.omega.copy_(bayesian(self.counts, self.smoothing))


class BayesianPlusMapping(BayesianMapping):
    """As Bayesian, with soft counts over the top max(1, ceil(alpha K_T)) classes of each answer. Source: BLM+.

    Args:
        pool: how positions become one vector before the source's head.
        smoothing: lambda.
        alpha: share of K_T whose probabilities each answer adds.
    """

    def __init__(
        self,
        pool: Pool = "mean",
        smoothing: Annotated[float, Ge(0)] = 1.0,
        alpha: Annotated[float, Gt(0)] = 0.15,
    ) -> None:
        super().__init__(pool, smoothing)
        self.alpha = alpha

    def tally(self, logits: Tensor, target: Tensor) -> Tensor:
        """Probabilities of the most likely source classes."""
        sources, targets = self.counts.shape
        top = min(sources, max(1, math.ceil(self.alpha * targets)))
        return soft_count(logits, target, targets, top)
