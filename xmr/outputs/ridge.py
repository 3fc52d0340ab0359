"""A linear head solved in closed form from the features that training computes, instead of by gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
from annotated_types import Ge
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput
from xmr.outputs.base import Output, Pool, Pooling
from xmr.outputs.heads import Linear

STRENGTHS = np.logspace(-3, 5, 17)
FACTORS = torch.logspace(-0.5, 2, 26)


class Ridge(Output):
    """y_T = W h + b by ridge regression on standardized features; leave-one-out selects the regularization strength.

    For many features and few records. Solved before training and again every few epochs from the features of those
    epochs (with several augmentations of each record if the encoder augments). Between two solutions the transform is
    trained with W fixed, which changes the features; after training, W is therefore solved once more from as many
    passes without gradient. For classes, targets are -1 and 1, and the scores are scaled to logits by the factor that
    maximizes the leave-one-out likelihood. Nothing is trained by gradient; a saved program holds a linear layer.
    Source: leave-one-out ridge as in MiniRocket's classifier, arXiv 2012.08791 (scikit-learn's RidgeCV).

    Args:
        pool: how positions become one vector: their mean, the first (`cls`) or last, a mean weighted by a learned
            query (`attention`), all concatenated (`concat`, records of equal length), or mean, standard deviation,
            maximum and minimum (`statistics`).
        update_every: epochs between solutions, each of which uses the features of all these epochs; 0 solves once,
            before training.
        min_fit_rows: minimum number of feature rows in the last solution; few records are passed over more often if the
            encoder augments them.
    """

    counts_before_training: ClassVar[bool] = True
    weight: Tensor
    bias: Tensor
    rows: Tensor
    truth: Tensor
    used: Tensor
    epochs: Tensor

    def __init__(
        self, pool: Pool = "mean", update_every: Annotated[int, Ge(0)] = 1, min_fit_rows: Annotated[int, Ge(0)] = 0
    ) -> None:
        super().__init__()
        self.pool_name, self.update_every, self.min_fit_rows = pool, update_every, min_fit_rows

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """W = 0 until the first solution."""
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        self.register_buffer("weight", torch.zeros(outputs, self.pool.width))
        self.register_buffer("bias", torch.zeros(outputs))
        self.register_buffer("rows", torch.zeros(0, self.pool.width), persistent=False)
        self.register_buffer("truth", torch.zeros(0, outputs), persistent=False)
        self.register_buffer("used", torch.tensor(0), persistent=False)
        self.register_buffer("epochs", torch.tensor(0), persistent=False)
        self._seen: Tensor | None = None
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        pooled = self.pool(answer, encoded)
        self._seen = pooled.detach().float() if self.training else None
        return pooled @ self.weight.T + self.bias

    def update(self, target: Tensor) -> None:
        """Store the features and targets of the last training batch."""
        if self._seen is None or (not self.update_every and bool(self.weight.any())):
            return
        begin, end = int(self.used), int(self.used) + len(self._seen)
        if end > len(self.rows):
            for name in ("rows", "truth"):
                held = getattr(self, name)
                grown = held.new_zeros(max(end, 2 * len(held)), held.shape[1])
                grown[:begin] = held[:begin]
                setattr(self, name, grown)
        self.rows[begin:end] = self._seen
        self.truth[begin:end] = numbers_of(target, self.truth.shape[1])
        self.used += len(self._seen)
        self._seen = None

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
        n = int(self.used)
        if n > 1:
            weight, bias = solve(self.rows[:n].cpu().numpy(), self.truth[:n].cpu().numpy())
            self.weight.copy_(torch.from_numpy(weight))
            self.bias.copy_(torch.from_numpy(bias))
        self.reset()

    def left_out(self, features: Callable[[Pooling], np.ndarray], target: Tensor) -> np.ndarray:
        """See `Output.left_out`."""
        return leave_one_out(features(self.pool), numbers_of(target, len(self.bias)).numpy())

    def reset(self) -> None:
        """See `Output.reset`."""
        self.rows, self.truth = self.rows[:0], self.truth[:0]
        self.used.zero_()

    def due(self) -> bool:
        """See `Output.due`."""
        return self.update_every > 0 and (int(self.epochs) + 1) % self.update_every == 0

    def on_epoch(self) -> None:
        """Solve again if it is due."""
        if self.due():
            self.compute()
        self.epochs += 1

    def merge(self, source: Any) -> Output:
        """A linear layer."""
        made = Linear(pool=self.pool_name)
        made.pool = self.pool
        made.linear = skip_init(nn.Linear, self.pool.width, len(self.bias)).to(self.weight.device)
        with torch.no_grad():
            made.linear.weight.copy_(self.weight)
            made.linear.bias.copy_(self.bias)
        made.section = {"name": "linear", "pool": self.pool_name}
        return made


def numbers_of(target: Tensor, outputs: int) -> Tensor:
    """Targets as numbers (R, K): classes and labels as -1 and 1 (0 for unknown labels)."""
    if target.dtype == torch.int64:
        return torch.nn.functional.one_hot(target, outputs).float() * 2 - 1
    known = ~torch.isnan(target)
    binary = bool(((target == 0) | (target == 1) | ~known).all())
    return torch.where(known, target * 2 - 1 if binary else target, 0.0)


@dataclass(frozen=True)
class _Solution:
    """A ridge on standardized features. scores: (n, K), the leave-one-out score of each record."""

    coefficients: np.ndarray
    intercept: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    scores: np.ndarray


def _solved(features: np.ndarray, truth: np.ndarray) -> _Solution:
    from sklearn.linear_model import RidgeCV

    mean, std = features.mean(axis=0), features.std(axis=0)
    scale = np.where(std > 1e-6 * (1 + np.abs(mean)), std, np.inf)  # a constant feature has no information
    standard = (features - mean) / scale
    # With a scorer, scikit-learn stores the leave-one-out scores; without, only their squared errors.
    model = RidgeCV(STRENGTHS, store_cv_results=True, scoring="neg_mean_squared_error").fit(standard, truth)
    coefficients = model.coef_.reshape(truth.shape[1], -1)
    intercept = np.asarray(model.intercept_).reshape(-1)
    chosen = int(np.argmin(np.abs(STRENGTHS - model.alpha_)))
    left_out = model.cv_results_.reshape(len(truth), truth.shape[1], len(STRENGTHS))[..., chosen]
    return _Solution(coefficients, intercept, mean, scale, left_out)


def leave_one_out(features: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Leave-one-out scores (n, K): each record is scored by the ridge of all others."""
    return _solved(features, truth).scores


def solve(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W (K, D') and b (K,) of the leave-one-out ridge; for classes (targets of -1 and 1 alone) scaled to be logits."""
    found, factor = _solved(features, truth), 1.0
    if np.isin(truth, (-1.0, 1.0)).all() and truth.shape[1] > 1:
        factor = left_out_factor(found.scores, truth.argmax(axis=1))
    weight = factor * found.coefficients / found.scale
    return weight.astype(np.float32), (factor * found.intercept - weight @ found.mean).astype(np.float32)


def left_out_factor(scores: np.ndarray, classes: np.ndarray) -> float:
    """The factor on (n, K) scores that maximizes the likelihood of the classes (n,)."""
    logits = torch.from_numpy(scores).float() * FACTORS[:, None, None]
    n = len(classes)
    losses = torch.nn.functional.cross_entropy(
        logits.reshape(-1, scores.shape[1]), torch.from_numpy(classes).repeat(len(FACTORS)), reduction="none"
    )
    return float(FACTORS[losses.reshape(-1, n).mean(dim=1).argmin()])
