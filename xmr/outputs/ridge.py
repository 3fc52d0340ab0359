"""A linear head solved in closed form from the features that training computes, instead of by gradient."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.threads import blas_for
from xmr.errors import Problem, RecipeError
from xmr.outputs.base import Answers, HiddenPool, Output, Pool
from xmr.outputs.heads import Linear
from xmr.outputs.solved import SolvedOutput, Standardize, logit_factor

STRENGTHS = np.logspace(-3, 5, 17)


class Ridge(SolvedOutput):
    """y_T = W h + b by ridge regression on standardized features; leave-one-out selects the regularization strength.

    For many features and few records. It is solved before training and again after each epoch; training by gradient
    changes the transform alone. For classes, targets are -1 and 1, and the scores are scaled to logits by the factor
    that maximizes the leave-one-out likelihood. A saved program holds a linear layer where nothing else is asked for.
    Source: leave-one-out ridge as in MiniRocket's classifier, arXiv 2012.08791 (scikit-learn's RidgeCV).

    Args:
        pool: how positions become one vector: their mean, the first (`cls`) or last, a mean weighted by a learned
            query (`attention`), all concatenated (`concat`, records of equal length), or mean, standard deviation,
            maximum and minimum (`statistics`).
        update_every: epochs between solutions, each of which uses the features of all these epochs; 0 solves once,
            before training.
        min_fit_rows: minimum number of feature rows in the last solution; few records are passed over more often if the
            encoder augments them.
        power: exponent of the standardized features z: sign(z) |z|^power; 0.5 is the signed square root.
        joined: one ridge on the features of all programs of an ensemble, each block with equal weight, instead of one
            ridge for each program and the mean of their probabilities.
        domain_features: features that need no source (`xmr list domain_features`), blocks of equal weight in the same
            ridge; implies `joined`.
        reads: the source's features, or the logits of its own classes (`answers`), such as the similarities of CLIP
            with the generic texts of SiM, arXiv 2506.04005.
        balance_depths: give the last features of a source with several `feature_layers` the same total variance as the
            wider statistics of the layers below them.
    """

    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        pool: Pool = "mean",
        update_every: Annotated[int, Ge(0)] = 1,
        min_fit_rows: Annotated[int, Ge(0)] = 0,
        power: Annotated[float, Gt(0), Le(1)] = 1.0,
        joined: bool = False,
        domain_features: tuple[str, ...] = (),
        balance_depths: bool = False,
        reads: Literal["features", "answers"] = "features",
    ) -> None:
        super().__init__(pool, update_every, min_fit_rows, joined, domain_features)
        self.power, self.balance_depths, self.reads = power, balance_depths, reads
        if reads == "answers" and (balance_depths or pool not in get_args(HiddenPool)):
            found = "balance_depths: true" if balance_depths else f"pool: {pool}"
            expected = f"balance_depths: false and pool: {', '.join(get_args(HiddenPool))}"
            raise RecipeError(Problem("output.reads: answers", found, expected))

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """See `Output.build`."""
        self.depths = [source.own_width, source.hidden_width - source.own_width]
        super().build(source, outputs, length, generator)
        if self.reads == "answers":
            self.pool = Answers(self.pool.pool, source)
            self.allocate()
        return self

    def allocate(self) -> None:
        """See `SolvedOutput.allocate`: W = 0."""
        width = sum(self.widths)
        self.standardize = Standardize(width, self.power)
        self.register_buffer("weight", torch.zeros(self.outputs, width))
        self.register_buffer("bias", torch.zeros(self.outputs))

    def scores(self, features: Tensor) -> Tensor:
        """See `SolvedOutput.scores`."""
        return (features if self.is_linear else self.standardize(features)) @ self.weight.T + self.bias

    def solve(self, rows: Tensor, truth: Tensor) -> np.ndarray:
        """See `SolvedOutput.solve`."""
        if self.is_linear:
            weight, bias, left_out = solved(rows.cpu().numpy(), truth.cpu().numpy())
            self.weight.copy_(torch.from_numpy(weight))
            self.bias.copy_(torch.from_numpy(bias))
            return left_out
        standard = self.standardize.fit(rows)(rows) * self._gains(rows.device)
        coefficients, intercept, left_out = ridge(standard.cpu().numpy(), truth.cpu().numpy())
        factor = logit_factor(left_out, truth.cpu().numpy())
        self.weight.copy_(torch.from_numpy(factor * coefficients) * self._gains(torch.device("cpu")))
        self.bias.copy_(torch.from_numpy(factor * intercept))
        return left_out

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear layer of the source's features, which the standardization is folded into."""
        return not self.reads_all and not self.balance_depths and (self.power, self.reads) == (1.0, "features")

    @property
    def blocks(self) -> list[int]:
        """The widths of the blocks of equal weight."""
        if not self.balance_depths or not self.depths[1]:
            return self.widths
        programs = len(self.widths) - len(self.beside)
        pooled = self.depths * (self.pool.width // sum(self.depths))  # once per statistic of the positions
        return pooled * programs + self.widths[programs:]

    def _gains(self, device: torch.device) -> Tensor:
        """The factor on each feature that gives every block the same total variance, one on average: (D,)."""
        widths = torch.tensor(self.blocks, dtype=torch.float32)
        gains = (widths.sum() / len(widths) / widths.clamp(min=1)).sqrt()
        return gains.repeat_interleave(widths.long()).to(device)

    def merge(self, source: Any) -> Output:
        """A linear layer, where one does the same."""
        if not self.is_linear:
            return self
        made = Linear(pool=self.pool_name)
        made.pool = self.pool
        made.linear = skip_init(nn.Linear, self.pool.width, len(self.bias)).to(self.weight.device)
        with torch.no_grad():
            made.linear.weight.copy_(self.weight)
            made.linear.bias.copy_(self.bias)
        made.section = {"name": "linear", "pool": self.pool_name}
        return made


def ridge(standard: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ridge of targets (n, K) on standardized features (n, D), its strength chosen by leave-one-out.

    Returns coefficients (K, D), intercept (K,), and the score of each record by the ridge of all others, (n, K).
    """
    from sklearn.linear_model import RidgeCV

    # With a scorer, scikit-learn stores the leave-one-out scores; without, only their squared errors.
    with blas_for(standard.size):
        model = RidgeCV(STRENGTHS, store_cv_results=True, scoring="neg_mean_squared_error").fit(standard, truth)
    chosen = int(np.argmin(np.abs(STRENGTHS - model.alpha_)))
    left_out = model.cv_results_.reshape(len(truth), truth.shape[1], len(STRENGTHS))[..., chosen]
    return model.coef_.reshape(truth.shape[1], -1), np.asarray(model.intercept_).reshape(-1), left_out


def solve(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W (K, D') and b (K,) of the leave-one-out ridge; for classes (targets of -1 and 1 alone) scaled to be logits."""
    return solved(features, truth)[:2]


def solved(features: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`solve`, and the score of each record by the ridge of all others, (n, K)."""
    mean, std = features.mean(axis=0), features.std(axis=0)
    scale = np.where(std > 1e-6 * (1 + np.abs(mean)), std, np.inf)  # a constant feature has no information
    coefficients, intercept, left_out = ridge((features - mean) / scale, truth)
    factor = logit_factor(left_out, truth)
    weight = factor * coefficients / scale
    return weight.astype(np.float32), (factor * intercept - weight @ mean).astype(np.float32), left_out
