"""What heads solved in closed form share: they collect features and targets of the training records."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch, EncodedSet
from xmr.core.modules import Modules, sub_shapes
from xmr.core.registry import FEATURES
from xmr.core.spaces import SourceOutput
from xmr.outputs.base import Output, Pool, Pooling
from xmr.outputs.domain_features.base import DomainFeatures

FACTORS = torch.logspace(-0.5, 2, 26)


class SolvedOutput(Output):
    """The base of closed-form heads. Its features are blocks side by side: the pooled features of the source behind
    each program, then domain features.

    Solved before training and again every `update_every` epochs from the features of those epochs (with several
    augmentations of each record if the encoder augments). Between two solutions the transform is trained with the head
    fixed, which changes the features; after training, the head is therefore solved once more from as many passes
    without gradient. Nothing of it is trained by gradient.
    """

    counts_before_training: ClassVar[bool] = True
    on_host: ClassVar[tuple[str, ...]] = ("used", "epochs")
    rows: Tensor
    truth: Tensor
    used: Tensor
    epochs: Tensor
    weight: Tensor  # of the solution; zero before the first

    def __init__(
        self, pool: Pool, update_every: int, min_fit_rows: int, joined: bool, domain_features: Sequence[str]
    ) -> None:
        super().__init__()
        self.pool_name, self.update_every, self.min_fit_rows = pool, update_every, min_fit_rows
        self.reads_all = joined or bool(domain_features)
        made = [FEATURES.get(name, "output.domain_features")() for name in domain_features]
        self.beside = Modules[DomainFeatures](made)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """See `Output.build`."""
        pool: Pool = "mean" if source.one_vector else self.pool_name
        self.pool, self.outputs = Pooling(pool, source.hidden_width, length), outputs
        for features in self.beside:
            features.build(self.spec)
        self.register_buffer("rows", torch.zeros(0, 0), persistent=False)
        self.register_buffer("truth", torch.zeros(0, outputs), persistent=False)
        self.register_buffer("used", torch.tensor(0), persistent=False)
        self.register_buffer("epochs", torch.tensor(0), persistent=False)
        self.allocate()
        self._seen: Tensor | None = None
        self._solved: bool | None = None
        return self

    @abstractmethod
    def allocate(self) -> None:
        """Make the buffers of the solution, zero until the first one, for the present widths of the blocks."""

    @abstractmethod
    def scores(self, features: Tensor) -> Tensor:
        """Target logits of feature rows: (R, D) -> (R, K)."""

    @abstractmethod
    def solve(self, rows: Tensor, truth: Tensor) -> np.ndarray:
        """Compute the head from features (n, D) and targets (n, K).

        Returns the score of each record by the head of all others, (n, K).
        """

    @property
    def widths(self) -> list[int]:
        """The widths of the blocks."""
        programs = self.programs if self.reads_all else 1
        return [self.pool.width] * programs + [features.width for features in self.beside]

    def fit_features(self, data: EncodedSet) -> None:
        """See `Output.fit_features`."""
        for features in self.beside:
            features.fit(data)
        self.allocate()

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `Output.resize`."""
        for number, features in enumerate(self.beside):
            features.resize(sub_shapes(shapes, f"beside.{number}."))
        self.allocate()

    def forward(self, answer: Any, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K). answer: of one program, or those of all."""
        row = self.observed(answer, encoded)
        self._seen = row.detach().float() if self.training else None
        return self.scores(row)

    def observed(self, answer: Any, encoded: Batch) -> Tensor:
        """The features that the head is solved on: (R, D). answer: of one program, or those of all."""
        parts: list[SourceOutput] = answer if self.reads_all else [answer]
        blocks = [self.pool(part, encoded) for part in parts] + [features(encoded) for features in self.beside]
        return torch.cat(blocks, dim=1) if len(blocks) > 1 else blocks[0]

    def update(self, target: Tensor) -> None:
        """Store the features and targets of the last training batch."""
        if self._seen is None or (not self.update_every and self._is_solved()):
            return
        begin, end = int(self.used), int(self.used) + len(self._seen)
        if end > len(self.rows):
            for name, width in (("rows", self._seen.shape[1]), ("truth", self.outputs)):
                held = getattr(self, name)
                grown = held.new_zeros(max(end, 2 * len(held)), width)
                if begin:
                    grown[:begin] = held[:begin]
                setattr(self, name, grown)
        self.rows[begin:end] = self._seen
        self.truth[begin:end] = numbers_of(target, self.outputs)
        self.used += len(self._seen)
        self._seen = None

    def _is_solved(self) -> bool:
        """Whether there is a solution; asked once between two of them, because a GPU is waited for."""
        if self._solved is None:
            self._solved = bool(self.weight.any())
        return self._solved

    def refit_passes(self, records: int, varied: bool) -> int:
        """As many as between two solutions, or as `min_fit_rows` requires; none if it is solved once."""
        wanted = -(-self.min_fit_rows // max(1, records)) if varied else 0
        return max(self.update_every, wanted) if self.update_every else 0

    def share(self, total: Callable[[Tensor], Tensor], gather: Callable[[Tensor], Tensor]) -> None:
        """The records of all processes; see `Output.share`."""
        n = int(self.used)
        self.rows, self.truth = gather(self.rows[:n]), gather(self.truth[:n])
        self.used.fill_(len(self.rows))

    def compute(self) -> None:
        """Solve from the stored features, and discard them."""
        n, self._solved = int(self.used), None
        if n > 1:
            self.solve(self.rows[:n], self.truth[:n])
        self.reset()

    @property
    def recounts(self) -> bool:
        """See `Output.recounts`: unless it is solved once."""
        return self.update_every > 0

    def reset(self) -> None:
        """See `Output.reset`."""
        self.rows, self.truth = self.rows[:0, :0], self.truth[:0]
        self.used.zero_()

    def due(self) -> bool:
        """See `Output.due`."""
        return self.update_every > 0 and (int(self.epochs) + 1) % self.update_every == 0

    def on_epoch(self) -> None:
        """Solve again if it is due."""
        if self.due():
            self.compute()
        self.epochs += 1


def numbers_of(target: Tensor, outputs: int) -> Tensor:
    """Targets as numbers (R, K): classes and labels as -1 and 1 (0 for unknown labels)."""
    if target.dtype == torch.int64:
        return (target[:, None] == torch.arange(outputs, device=target.device)).float() * 2 - 1
    known = ~torch.isnan(target)
    binary = ((target == 0) | (target == 1) | ~known).all()
    return torch.where(known, torch.where(binary, target * 2 - 1, target), 0.0)


def logit_factor(left_out: np.ndarray, truth: np.ndarray) -> float:
    """The factor on scores (n, K) that makes them logits of classes (targets of -1 and 1 alone); one for numbers."""
    if truth.shape[1] > 1 and bool(np.isin(truth, (-1.0, 1.0)).all()):
        return left_out_factor(left_out, truth.argmax(axis=1))
    return 1.0


def left_out_factor(scores: np.ndarray, classes: np.ndarray) -> float:
    """The factor on (n, K) scores that maximizes the likelihood of the classes (n,)."""
    logits = torch.from_numpy(scores).float() * FACTORS[:, None, None]
    n = len(classes)
    losses = torch.nn.functional.cross_entropy(
        logits.reshape(-1, scores.shape[1]), torch.from_numpy(classes).repeat(len(FACTORS)), reduction="none"
    )
    return float(FACTORS[losses.reshape(-1, n).mean(dim=1).argmin()])


class Standardize(nn.Module):
    """(x - mean) / std of the training records, then sign(z) |z|^power; constant features become zero.

    The signed square root (power 0.5) is that of Fisher vectors, Perronnin et al. 2010.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, power: float) -> None:
        super().__init__()
        self.power = power
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, rows: Tensor) -> Self:
        """Mean and standard deviation of the rows (n, D)."""
        self.mean = rows.mean(dim=0)
        std = rows.std(dim=0, correction=0)
        constant = std <= 1e-6 * (1 + self.mean.abs())  # has no information
        self.scale = torch.where(constant, torch.zeros_like(std), 1 / std)
        return self

    def forward(self, rows: Tensor) -> Tensor:
        """(R, D) -> (R, D)."""
        z = (rows - self.mean) * self.scale
        return z if self.power == 1.0 else z * (z.abs() + 1e-6) ** (self.power - 1)  # finite gradient at zero
