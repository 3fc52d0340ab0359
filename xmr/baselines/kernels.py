"""Kernel ridge regression on aligned sequences: the residue, or its row of BLOSUM62, at every position that varies."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.metrics.pairwise import euclidean_distances

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict
from xmr.baselines.sequences import one_hot
from xmr.data.amino_acids import AMINO_ACIDS, blosum62
from xmr.outputs.kernel_ridge import kernel_ridge

EXACT = 3000  # training records up to which the kernel is solved as it is
LANDMARKS = 1500  # of more records: a random choice of them, for the Nystroem approximation
WIDTHS = (0.25, 0.5, 1.0, 2.0)  # over the median of the squared distances


class KernelRidgeScores(ClassifierMixin, RegressorMixin, BaseEstimator):
    """RBF kernel ridge regression of numbers, or of classes as -1 and 1; width and strength by leave-one-out.

    It is solved as `output: kernel_ridge` is.
    """

    def __init__(self, regression: bool, seed: int) -> None:
        self.regression, self.seed = regression, seed

    def fit(self, features: Any, target: np.ndarray) -> KernelRidgeScores:
        """Choose and solve. features: (n, F), dense or sparse."""
        if self.regression:
            truth = target[:, None].astype(np.float64)
        else:
            self.classes_, number = np.unique(target, return_inverse=True)
            truth = np.eye(len(self.classes_))[number] * 2 - 1
        chosen = np.arange(n := features.shape[0])
        if n > EXACT:
            chosen = np.sort(np.random.default_rng(self.seed).choice(n, LANDMARKS, replace=False))
        self.landmarks_ = features[chosen]
        apart = self._distances(features)
        middle = np.median(apart[np.arange(n)[:, None] != chosen]) or 1.0
        best = np.inf
        for width in WIDTHS:
            weight, bias, others = kernel_ridge(np.exp(-width / middle * apart), chosen, truth)
            error = float(np.mean((others - truth) ** 2))
            if error < best:
                best, self.gamma_, self.weight_, self.bias_ = error, width / middle, weight, bias
        return self

    def predict(self, features: Any) -> np.ndarray:
        """Numbers, or the most likely class: (n,)."""
        scores = self._scores(features)
        return scores[:, 0] if self.regression else self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, features: Any) -> np.ndarray:
        """softmax of the scores: (n, K)."""
        return softmax(self._scores(features), axis=1)

    def _scores(self, features: Any) -> np.ndarray:
        return np.exp(-self.gamma_ * self._distances(features)) @ self.weight_ + self.bias_

    def _distances(self, features: Any) -> np.ndarray:
        """Squared, to the landmarks: (n, m)."""
        return euclidean_distances(features.astype(np.float64), self.landmarks_.astype(np.float64), squared=True)


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
