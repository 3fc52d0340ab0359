"""A kernel ridge regression on the frozen source's features, solved in closed form: for few labelled records."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge, Gt, Le
from torch import Tensor

from xmr.outputs.base import Pool
from xmr.outputs.solved import SolvedOutput, Standardize, logit_factor

STRENGTHS = np.logspace(-5, 2, 22)  # in units of the kernel's mean diagonal
DOMAIN_GAMMA = 1.0
NEGLIGIBLE = 1e-7  # eigenvalues of a kernel below this fraction of the largest are rounding
SEED = 0  # of the choice of landmarks


class KernelRidge(SolvedOutput):
    """y_T = A k(Z, h) + b with the training records' features Z: radial basis functions of standardized features.

    k is the mean over programs of exp(-gamma d^2 / median d^2), times exp(-d^2 / median d^2) for each of the
    `domain_features`; leave-one-out selects the regularization strength. All programs of an ensemble share it. Suits
    untrained programs (`training.epochs: 0`) with several depths of the source (`source.feature_layers`).

    The program holds the features of its training records (half precision; `xmr run` says how much): whoever has the
    program can tell what the source made of them, though not the records themselves. Beyond `landmarks` records it
    holds a random choice of them (Nystroem approximation, Williams and Seeger 2001).

    Args:
        pool: how positions become one vector; see `ridge`.
        gamma: width of the source's kernels: the larger, the more local.
        power: exponent of the standardized features z: sign(z) |z|^power; 0.5 is the signed square root.
        landmarks: how many training records it may hold.
        update_every: epochs between solutions; see `ridge`.
        min_fit_rows: minimum number of feature rows in the last solution; see `ridge`.
        domain_features: features that need no source (`xmr list domain_features`), as factors of the kernel.
    """

    landmarks: Tensor
    medians: Tensor
    weight: Tensor
    bias: Tensor

    def __init__(
        self,
        pool: Pool = "statistics",
        gamma: Annotated[float, Gt(0)] = 2.0,
        power: Annotated[float, Gt(0), Le(1)] = 0.5,
        landmarks: Annotated[int, Ge(2), Le(20_000)] = 1500,
        update_every: Annotated[int, Ge(0)] = 1,
        min_fit_rows: Annotated[int, Ge(0)] = 0,
        domain_features: tuple[str, ...] = (),
    ) -> None:
        super().__init__(pool, update_every, min_fit_rows, True, domain_features)
        self.gamma, self.power, self.most = gamma, power, landmarks

    def allocate(self) -> None:
        """See `SolvedOutput.allocate`: no landmarks."""
        self._hold(0)

    def _hold(self, landmarks: int) -> None:
        width = sum(self.widths)
        self.standardize = Standardize(width, self.power)
        self.register_buffer("landmarks", torch.zeros(landmarks, width, dtype=torch.float16))
        self.register_buffer("medians", torch.ones(len(self.widths)))
        self.register_buffer("weight", torch.zeros(self.outputs, landmarks))
        self.register_buffer("bias", torch.zeros(self.outputs))

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `Output.resize`."""
        super().resize(shapes)
        self._hold(shapes["landmarks"][0] if len(shapes.get("landmarks", ())) == 2 else 0)

    def scores(self, features: Tensor) -> Tensor:
        """See `SolvedOutput.scores`."""
        return self._kernel(self.standardize(features)) @ self.weight.T + self.bias

    def _kernel(self, standard: Tensor) -> Tensor:
        """k of standardized rows (R, D) and the landmarks: (R, m)."""
        programs, product = self.programs, standard.new_zeros(standard.shape[0], len(self.landmarks))
        blocks = zip(standard.split(self.widths, dim=1), self.landmarks.split(self.widths, dim=1), self.medians)
        log_domain = torch.zeros_like(product)
        for number, (rows, held, median) in enumerate(blocks):
            distances = square_distances(rows, held.float()) / median
            if number < programs:
                product = product + torch.exp(-self.gamma * distances) / programs
            else:
                log_domain = log_domain - DOMAIN_GAMMA * distances
        return product * torch.exp(log_domain)

    def solve(self, rows: Tensor, truth: Tensor) -> np.ndarray:
        """See `SolvedOutput.solve`."""
        device, n = rows.device, len(rows)
        self._hold(min(n, self.most))
        self.to(device)
        chosen = torch.randperm(n, generator=torch.Generator().manual_seed(SEED))[: self.most].sort().values
        standard = self.standardize.fit(rows)(rows)
        self.landmarks.copy_(standard[chosen.to(device)])
        blocks = self.landmarks.float().split(self.widths, dim=1)
        self.medians.copy_(torch.stack([_median(block) for block in blocks]))
        kernel = self._kernel(standard).double().cpu().numpy()
        targets = truth.double().cpu().numpy()
        weight, bias, left_out = kernel_ridge(kernel, chosen.numpy(), targets)
        factor = logit_factor(left_out, targets)
        self.weight.copy_(torch.from_numpy(factor * weight.T))
        self.bias.copy_(torch.from_numpy(factor * bias))
        return left_out


def square_distances(rows: Tensor, others: Tensor) -> Tensor:
    """Squared Euclidean distances: (R, D), (m, D) -> (R, m)."""
    found = rows.square().sum(dim=1, keepdim=True) + others.square().sum(dim=1) - 2 * rows @ others.T
    return found.clamp(min=0.0)


def _median(rows: Tensor) -> Tensor:
    """The median squared distance of two different rows; one where all are equal."""
    distances = square_distances(rows, rows)
    place = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    found = distances[place[0], place[1]].median() if place.shape[1] else rows.new_tensor(1.0)
    return torch.where(found > 0, found, torch.ones_like(found))


def kernel_ridge(
    kernel: np.ndarray, landmarks: np.ndarray, truth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel ridge regression with an intercept, its strength chosen by leave-one-out in closed form.

    kernel: (n, m), of all records and those at the indices `landmarks` (all of them, or the Nystroem approximation
    from some); truth: (n, K). Returns weights (m, K), intercept (K,), and the score of each record by the ridge of all
    others, (n, K). The hat matrix is 1/n + U s/(s + strength) U^T with the eigenvectors U of the centered kernel, so
    that all strengths cost one decomposition.
    """
    n = len(kernel)
    if len(landmarks) == n:
        centered = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
        values, vectors = np.linalg.eigh((centered + centered.T) / 2)
        back = None
    else:  # features phi with phi phi^T = K_nm K_mm^-1 K_mn
        small, turn = np.linalg.eigh(kernel[landmarks])
        kept = small > NEGLIGIBLE * small[-1]
        root = turn[:, kept] / np.sqrt(small[kept])
        features = kernel @ root
        features -= features.mean(axis=0)
        values, right = np.linalg.eigh(features.T @ features)
        back = root @ right / np.sqrt(np.maximum(values, NEGLIGIBLE * values[-1]))
        vectors = features @ right / np.sqrt(np.maximum(values, NEGLIGIBLE * values[-1]))
    values = np.maximum(values, 0.0)
    middle = truth.mean(axis=0)
    turned = vectors.T @ (truth - middle)
    best: tuple[float, float, np.ndarray] | None = None
    for strength in STRENGTHS * values.sum() / n:
        shrink = values / (values + strength)
        hat = 1 / n + (vectors**2) @ shrink
        left_out = truth - (truth - middle - vectors @ (shrink[:, None] * turned)) / (1 - hat)[:, None]
        error = float(np.mean((left_out - truth) ** 2))
        if best is None or error < best[0]:
            best = error, strength, left_out
    assert best is not None, "there are strengths"
    _, strength, left_out = best
    if back is None:
        weight = vectors @ (turned / (values + strength)[:, None])
    else:
        weight = back @ (turned * (values / (values + strength))[:, None])
    return weight, middle - (kernel @ weight).mean(axis=0), left_out
