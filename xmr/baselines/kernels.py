"""Kernel ridge regression on aligned sequences: the residue, or its row of BLOSUM62, at every position that varies."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics.pairwise import euclidean_distances, rbf_kernel

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict
from xmr.baselines.sequences import one_hot
from xmr.data.amino_acids import AMINO_ACIDS, blosum62

MOST = 3000  # training records; of more a random sample is taken, because the kernel is quadratic in them
WIDTHS = (0.25, 0.5, 1.0, 2.0)  # over the median of the squared distances
STRENGTHS = np.logspace(-4, 2, 13)


class KernelRidgeScores(ClassifierMixin, RegressorMixin, BaseEstimator):
    """RBF kernel ridge regression of numbers, or of classes as -1 and 1; width and strength by leave-one-out.

    The leave-one-out residuals have a closed form, (y - H y) / (1 - h_ii) with H = K (K + a I)^-1.
    """

    def __init__(self, regression: bool, seed: int) -> None:
        self.regression, self.seed = regression, seed

    def fit(self, features: Any, target: np.ndarray) -> KernelRidgeScores:
        """Choose and solve. features: (n, F), dense or sparse."""
        if features.shape[0] > MOST:
            rows = np.sort(np.random.default_rng(self.seed).choice(features.shape[0], MOST, replace=False))
            features, target = features[rows], target[rows]
        if self.regression:
            truth = target[:, None].astype(np.float64)
        else:
            self.classes_, number = np.unique(target, return_inverse=True)
            truth = np.eye(len(self.classes_))[number] * 2 - 1
        self.learned_, self.mean_ = features, truth.mean(axis=0)
        apart = euclidean_distances(features, squared=True).astype(np.float64)
        middle = np.median(apart[~np.eye(len(apart), dtype=bool)]) or 1.0
        best = np.inf
        for width in WIDTHS:
            values, vectors = np.linalg.eigh(np.exp(-width / middle * apart))
            turned = vectors.T @ (truth - self.mean_)
            for strength in STRENGTHS:
                weight = vectors @ (turned / (values + strength)[:, None])
                # The residual of a record not learned: (K + a I)^-1 (y - mean) over the diagonal of (K + a I)^-1.
                error = float(np.mean((weight / ((vectors**2) @ (1 / (values + strength)))[:, None]) ** 2))
                if error < best:
                    best, self.gamma_, self.strength_, self.weight_ = error, width / middle, strength, weight
        return self

    def predict(self, features: Any) -> np.ndarray:
        """Numbers, or the most likely class: (n,)."""
        scores = self._scores(features)
        return scores[:, 0] if self.regression else self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, features: Any) -> np.ndarray:
        """softmax of the scores: (n, K)."""
        return softmax(self._scores(features), axis=1)

    def _scores(self, features: Any) -> np.ndarray:
        return rbf_kernel(features, self.learned_, gamma=self.gamma_) @ self.weight_ + self.mean_


def onehot_kernel(data: BaselineInput) -> np.ndarray:
    """Kernel ridge regression on the letter at each position that varies: (n, K)."""
    learned, test = one_hot(data.texts["train"] + data.texts["validation"], data.texts["test"])
    return fit_and_predict(KernelRidgeScores, learned, test, data)


def blosum_kernel(data: BaselineInput) -> np.ndarray:
    """Kernel ridge regression on the BLOSUM62 row of the residue at each position that varies: (n, K)."""
    learned, test = blosum_rows(data.texts["train"] + data.texts["validation"], data.texts["test"])
    return fit_and_predict(KernelRidgeScores, learned, test, data)


def blosum_rows(train: list[str], test: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Twenty scores per position that varies in training, zeros for other letters and behind the end: (n, F)."""
    table = np.zeros((256, len(AMINO_ACIDS)), np.float32)
    table[[ord(letter) for letter in AMINO_ACIDS]] = blosum62(AMINO_ACIDS).numpy()
    longest = max(map(len, train))

    def codes(texts: list[str]) -> np.ndarray:
        cut = "".join(text[:longest].ljust(longest, "-") for text in texts)
        return np.frombuffer(cut.encode("latin-1", "replace"), np.uint8).reshape(len(texts), longest)

    left, right = codes(train), codes(test)
    varying = (left != left[0]).any(axis=0)
    return table[left[:, varying]].reshape(len(left), -1), table[right[:, varying]].reshape(len(right), -1)
