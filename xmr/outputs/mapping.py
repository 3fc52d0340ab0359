"""Counted label mappings: all are functions of counts d[s, t], how often the source predicts s when the label is t.

The counts come at no cost from the logits of the training epoch. `assign` and `bayesian` work with any source: the
vocabulary of a language model, the classes of an image classifier.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Gt
from scipy.optimize import linear_sum_assignment
from torch import Generator, Tensor

from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput
from xmr.errors import Problem, RecipeError
from xmr.outputs.base import HiddenPool, Output, Pooling, counted


def count(source_class: Tensor, target: Tensor, sources: int, targets: int) -> Tensor:
    """d[s, t] from the source's predictions (n,) and the labels (n,): (K_S, K_T)."""
    return counted(source_class * targets + target, sources * targets).reshape(sources, targets)


def soft_count(logits: Tensor, target: Tensor, targets: int, top: int) -> Tensor:
    """d[s, t] by adding the softmax probabilities of each prediction's `top` classes: (K_S, K_T). Bayesian+ of BLM."""
    highest, classes = logits.topk(top, dim=1, sorted=False)
    probability = torch.exp(highest - torch.logsumexp(logits, dim=1, keepdim=True))
    cells = (classes * targets + target[:, None]).reshape(-1)
    flat = torch.zeros(logits.shape[1] * targets, dtype=probability.dtype, device=logits.device)
    return flat.index_add(0, cells, probability.reshape(-1)).reshape(logits.shape[1], targets)


def random_groups(sources: int, targets: int, size: int, generator: Generator) -> Tensor:
    """K_T disjoint groups of `size` source classes: (K_T, size). Elsayed, arXiv 1806.11146; Voice2Series."""
    return torch.randperm(sources, generator=generator)[: targets * size].reshape(targets, size)


def assign(counts: Tensor, size: int = 1) -> Tensor:
    """Frequent label mapping: greedily take the largest entry of d, remove its row, and its column once full.

    counts: (K_S, K_T), none negative -> groups (K_T, size). Ties take the lowest cell in the order (s, t); targets
    without counts for a free source class take the lowest free ones, so the result is defined for every d. Entries
    above zero are sorted once (stable) and visited until all groups are full. Source: BAR, arXiv 2007.08714; ILM-VP,
    arXiv 2211.11635.
    """
    sources, targets = counts.shape
    flat = counts.reshape(-1).cpu()
    cells = torch.nonzero(flat).reshape(-1)
    cells = cells[torch.sort(flat[cells], descending=True, stable=True).indices]
    groups: list[list[int]] = [[] for _ in range(targets)]
    taken = [False] * sources
    left = targets * size
    for source, target in zip((cells // targets).tolist(), (cells % targets).tolist()):
        if taken[source] or len(groups[target]) == size:
            continue
        groups[target].append(source)
        taken[source] = True
        left -= 1
        if not left:
            break
    free = iter([source for source in range(sources) if not taken[source]])
    for group in groups:
        group.extend(next(free) for _ in range(size - len(group)))
    return torch.tensor(groups, device=counts.device)


def optimal(counts: Tensor, size: int = 1) -> Tensor:
    """The assignment with the largest total count: (K_S, K_T) -> groups (K_T, size). Hungarian method."""
    columns = counts.cpu().double().repeat_interleave(size, dim=1).numpy()
    rows, slots = linear_sum_assignment(columns, maximize=True)
    groups = torch.zeros(counts.shape[1] * size, dtype=torch.long)
    groups[torch.from_numpy(slots)] = torch.from_numpy(rows)
    return groups.reshape(-1, size).to(counts.device)


def cosines(classes: Tensor, means: Tensor) -> Tensor:
    """Cosine of every source class's vector (K_S, D') with every target's mean feature (K_T, D'): (K_S, K_T).

    Both are centered first: features of a network with ReLU all point the same way. A mean of zeros gives zeros.
    """
    unit = [x - x.mean(dim=0, keepdim=True) for x in (classes.double(), means.double())]
    left, right = (x / x.norm(dim=1, keepdim=True).clamp(min=1e-12) for x in unit)
    return left @ right.T


def bayesian(counts: Tensor, smoothing: float) -> Tensor:
    """omega[s, t] = d[s, t] / (sum_t d[s, t] + lambda), each column divided by its sum: (K_S, K_T).

    A source class without counts has weight zero in every column; a target without counts has uniform weights.
    Source: BLM, arXiv 2410.24018, eq. 6 to 8.
    """
    d = counts.double()
    rows = d / (d.sum(dim=1, keepdim=True) + smoothing)
    rows = torch.nan_to_num(rows)  # lambda = 0 and a class without counts: 0 / 0
    mass = rows.sum(dim=0, keepdim=True)
    return torch.where(mass > 0, rows / mass.clamp(min=1e-300), 1 / len(rows)).to(torch.float32)


class CountedMapping(Output):
    """The base of counted mappings: source logits of the pooled hidden state, and the counts of the current epoch.

    With `update_every` k the mapping is recomputed after every k-th epoch, from the logits of that epoch only.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    remaps: ClassVar[bool] = False
    counts: Tensor
    size: int = 1  # source classes per target, where a mapping assigns groups
    on_host: ClassVar[tuple[str, ...]] = ("ready", "epochs")
    ready: Tensor
    epochs: Tensor

    def __init__(self, pool: HiddenPool = "mean", update_every: int = 1) -> None:
        super().__init__()
        self.pool_name, self.update_every = pool, update_every

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Counts start at zero. Raises RecipeError if the source has fewer classes than the mapping needs."""
        sources = self.source_classes(source)
        needed = outputs * self.size if self.exclusive else int(not self.needs_features)
        if sources < needed:
            raise RecipeError(Problem("output", f"{needed} source classes needed", f"at most the source's {sources}"))
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        self.register_buffer("counts", self.empty(source, outputs), persistent=False)
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("epochs", torch.tensor(0), persistent=False)
        self.prepare(sources, outputs, generator)
        return self

    def source_classes(self, source: Any) -> int:
        """K_S."""
        return source.classes

    exclusive: ClassVar[bool] = False  # whether a source class maps to one target only

    def empty(self, source: Any, outputs: int) -> Tensor:
        """Counts of zero: d (K_S, K_T)."""
        return torch.zeros(self.source_classes(source), outputs, dtype=torch.float64)

    @abstractmethod
    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """Create the buffers of the mapping."""

    @abstractmethod
    def map(self, logits: Tensor) -> Tensor:
        """Source logits (R, K_S) -> target logits (R, K_T)."""

    def remake(self) -> None:
        """Recompute the mapping from the counts."""

    def compute(self) -> None:
        """Recompute the mapping from the counts, and reset them."""
        self.remake()
        self.ready.fill_(True)
        self.counts.zero_()

    def reset(self) -> None:
        """See `Output.reset`."""
        self.counts.zero_()
        self.ready.fill_(False)

    def watch(self, pooled: Tensor, logits: Tensor) -> Tensor:
        """The values of a batch that are counted: the source's logits."""
        return logits

    def count(self, seen: Tensor, target: Tensor) -> Tensor:
        """The counts that one batch adds."""
        return count(seen.argmax(dim=1), target, *self.counts.shape)

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        pooled = self.pool(answer, encoded)
        logits = source.answers(pooled)
        self._seen = self.watch(pooled, logits).detach() if self.training else None
        return self.map(logits)

    def update(self, target: Tensor) -> None:
        """Add the last training batch to the counts."""
        waiting = self.counts_before_training and not bool(self.ready)
        if self._seen is not None and (waiting or self.due()):
            self.counts += self.count(self._seen.float(), target)
        self._seen = None

    def share(self, total: Callable[[Tensor], Tensor], gather: Callable[[Tensor], Tensor]) -> None:
        """See `Output.share`."""
        self.counts.copy_(total(self.counts))

    def due(self) -> bool:
        """See `Output.due`."""
        return self.remaps and (int(self.epochs) + 1) % self.update_every == 0

    def on_epoch(self) -> None:
        """Recompute the mapping from the finished epoch's counts."""
        if self.due():
            self.compute()
        self.epochs += 1


class _Groups(CountedMapping):
    """Mappings that assign a group of source classes to each target: mean of probabilities, or the logit itself."""

    exclusive: ClassVar[bool] = True
    groups: Tensor

    def __init__(self, pool: HiddenPool = "mean", size: Annotated[int, Ge(1)] = 1, update_every: int = 1) -> None:
        super().__init__(pool, update_every)
        self.size = size

    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """Random groups until counts are available."""
        self.register_buffer("groups", random_groups(sources, outputs, self.size, generator))
        self.sources = sources

    def map(self, logits: Tensor) -> Tensor:
        """One class per target: its logit. Several: log of the mean of their probabilities."""
        if self.size == 1:
            return logits[:, self.groups[:, 0]]
        probability = torch.log_softmax(logits, dim=1)[:, self.groups]  # (R, K_T, size)
        return torch.logsumexp(probability, dim=2) - math.log(self.size)

    def remake(self) -> None:
        """Greedy assignment on the counts."""
        self.groups.copy_(assign(self.counts, self.size))

    def mapping(self) -> Tensor:
        """1 / size where a source class maps to a target: (K_S, K_T)."""
        weights = torch.zeros(self.sources, len(self.groups))
        weights[self.groups.cpu(), torch.arange(len(self.groups))[:, None]] = 1 / self.size
        return weights


class RandomMapping(_Groups):
    """K_T disjoint groups of source classes, sampled with the recipe's seed. Nothing is learned or counted.

    Source: Elsayed, arXiv 1806.11146 (one class per target); Voice2Series, arXiv 2106.09296 (many-to-one).

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        size: number of source classes per target.
    """

    def __init__(self, pool: HiddenPool = "mean", size: Annotated[int, Ge(1)] = 1) -> None:
        super().__init__(pool, size)


class FrequentMapping(_Groups):
    """Counted once over the training set before training, then fixed. Source: BAR 2007.08714; ILM-VP 2211.11635.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        size: number of source classes per target.
    """

    counts_before_training: ClassVar[bool] = True

    def __init__(self, pool: HiddenPool = "mean", size: Annotated[int, Ge(1)] = 1) -> None:
        super().__init__(pool, size)


class IterativeMapping(_Groups):
    """The frequent mapping, recomputed after every epoch from that epoch's logits. Source: ILM-VP 2211.11635.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        size: number of source classes per target.
        update_every: epochs between updates.
    """

    counts_before_training: ClassVar[bool] = True
    remaps: ClassVar[bool] = True

    def __init__(
        self,
        pool: HiddenPool = "mean",
        size: Annotated[int, Ge(1)] = 1,
        update_every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        super().__init__(pool, size, update_every)


class OptimalMapping(IterativeMapping):
    """As iterative, with the optimal assignment (Hungarian method) instead of the greedy one.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        size: number of source classes per target.
        update_every: epochs between updates.
    """

    def remake(self) -> None:
        """Optimal assignment on the counts."""
        self.groups.copy_(optimal(self.counts, self.size))


class SimilarityMapping(_Groups):
    """Assigns source classes to the target with the most similar mean feature, `size` classes per target.

    The vector of a source class is its row in the source's classifier; similarity is the cosine, both sides centered;
    the most similar pairs are assigned first. Computed once before training. Source: arXiv 2110.03894.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        size: number of source classes per target.
    """

    counts_before_training: ClassVar[bool] = True

    def __init__(self, pool: HiddenPool = "mean", size: Annotated[int, Ge(1)] = 3) -> None:
        super().__init__(pool, size)

    def empty(self, source: Any, outputs: int) -> Tensor:
        """Sum of the features of each target's examples, and their count: (K_T, D' + 1)."""
        self._classes = source.classifier_weight().detach()
        return torch.zeros(outputs, source.hidden_width + 1, dtype=torch.float64)

    def watch(self, pooled: Tensor, logits: Tensor) -> Tensor:
        """The pooled features."""
        return pooled

    def count(self, seen: Tensor, target: Tensor) -> Tensor:
        """Features added up by target."""
        rows = torch.cat([seen, seen.new_ones(len(seen), 1)], dim=1).to(self.counts.dtype)
        return torch.zeros_like(self.counts).index_add(0, target, rows)

    def remake(self) -> None:
        """The most similar pairs first; targets without examples take the remaining classes."""
        means = self.counts[:, :-1] / self.counts[:, -1:].clamp(min=1)
        alike = cosines(self._classes.to(means), means) + 2  # all above zero, so that `assign` ranks all of them
        alike[:, self.counts[:, -1] == 0] = 0
        self.groups.copy_(assign(alike, self.size))


class BayesianMapping(CountedMapping):
    """y_T = logits_S omega, omega from counts by `bayesian`, recomputed every epoch. Source: BLM, arXiv 2410.24018.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        smoothing: lambda, added to the count of each source class.
        update_every: epochs between updates.
    """

    counts_before_training: ClassVar[bool] = True
    remaps: ClassVar[bool] = True
    omega: Tensor

    def __init__(
        self,
        pool: HiddenPool = "mean",
        smoothing: Annotated[float, Ge(0)] = 1.0,
        update_every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        super().__init__(pool, update_every)
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

    def mapping(self) -> Tensor | None:
        """omega."""
        return self.omega.detach().cpu()


class BayesianPlusMapping(BayesianMapping):
    """As Bayesian, with soft counts over the top max(1, ceil(alpha K_T)) classes of each prediction. Source: BLM+.

    Args:
        pool: how positions become one vector before the source's head, as for `linear`.
        smoothing: lambda, added to the count of each source class.
        alpha: fraction of K_T whose probabilities each prediction adds.
        update_every: epochs between updates.
    """

    def __init__(
        self,
        pool: HiddenPool = "mean",
        smoothing: Annotated[float, Ge(0)] = 1.0,
        alpha: Annotated[float, Gt(0)] = 0.15,
        update_every: Annotated[int, Ge(1)] = 1,
    ) -> None:
        super().__init__(pool, smoothing, update_every)
        self.alpha = alpha

    def count(self, seen: Tensor, target: Tensor) -> Tensor:
        """Probabilities of the most likely source classes."""
        sources, targets = self.counts.shape
        top = min(sources, max(1, math.ceil(self.alpha * targets)))
        return soft_count(seen, target, targets, top)
