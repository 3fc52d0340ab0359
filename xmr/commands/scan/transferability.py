"""Scores that predict from a few forward passes how well a source suits a target: probe, LogME, H-score,
LEEP, larger being better; and the sliced Wasserstein distance to the source's own features, smaller being nearer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import KFold, StratifiedKFold

from xmr.outputs.ridge import solve

FOLDS = 5


def probe(features: np.ndarray, target: np.ndarray, seed: int = 0) -> np.ndarray:
    """How well a ridge predicts each record of a fold that it was not fitted on: (n,).

    target: classes (n,), then 1 if the prediction is right, otherwise 0; or numbers (n, K), then 1 less the squared
    error in variances of the target. Folds are stratified by class. (Leaving one record out would do without folds,
    but favours the other class: on noise it is always wrong.)
    """
    classes = np.unique(target) if target.ndim == 1 else None
    if classes is None:
        truth, folds = target, KFold(min(FOLDS, len(target)), shuffle=True, random_state=seed)
    else:
        truth = (target[:, None] == classes).astype(np.float64) * 2 - 1
        fewest = int(np.unique(target, return_counts=True)[1].min())
        folds = StratifiedKFold(max(2, min(FOLDS, fewest)), shuffle=True, random_state=seed)
    right = np.zeros(len(target))
    for seen, held in folds.split(features, None if classes is None else target):
        weight, bias = solve(features[seen], truth[seen])
        scores = features[held] @ weight.T + bias
        if classes is None:
            variance = max(float(target.var(axis=0).mean()), 1e-12)
            right[held] = 1 - ((scores - target[held]) ** 2).mean(axis=1) / variance
        else:
            right[held] = classes[scores.argmax(axis=1)] == target[held]
    return right


def log_me(features: np.ndarray, target: np.ndarray) -> float:
    """Logarithm of maximum evidence a record of y = F w + noise, mean over the columns of `target`.

    features: (n, D); target: (n, K) numbers, or class labels (n,), one column per class. alpha and beta, the precisions
    of weights and noise, are found by fixed-point iteration on the singular values. Source: You et al., arXiv
    2102.11005.
    """
    if target.ndim == 1:
        target = (target[:, None] == np.unique(target)).astype(np.float64)
    features = features.astype(np.float64)
    n, width = features.shape
    left, singular, _ = np.linalg.svd(features, full_matrices=False)
    square = singular**2
    evidences = []
    for column in target.T.astype(np.float64):
        inside = left.T @ column
        outside = max(float(column @ column - inside @ inside), 0.0)  # what no weights explain
        alpha, beta = 1.0, 1.0
        for _ in range(100):
            gamma = float((beta * square / (alpha + beta * square)).sum())
            weights = float((beta**2 * square * inside**2 / (alpha + beta * square) ** 2).sum())
            residual = float((alpha**2 * inside**2 / (alpha + beta * square) ** 2).sum()) + outside
            before = alpha / beta
            alpha, beta = gamma / max(weights, 1e-12), (n - gamma) / max(residual, 1e-12)
            if abs(alpha / beta - before) <= 1e-4 * before:
                break
        weights = float((beta**2 * square * inside**2 / (alpha + beta * square) ** 2).sum())
        residual = float((alpha**2 * inside**2 / (alpha + beta * square) ** 2).sum()) + outside
        spread = float(np.log(alpha + beta * square).sum()) + (width - len(square)) * np.log(alpha)
        evidence = width * np.log(alpha) + n * np.log(beta) - spread - n * np.log(2 * np.pi)
        evidences.append(0.5 * (evidence - alpha * weights - beta * residual) / n)
    return float(np.mean(evidences))


def jackknife(score: Callable[[np.ndarray, np.ndarray], float], features: np.ndarray, target: np.ndarray) -> float:
    """Standard error of a score of features (n, D) and targets: a fifth of the records deleted in turn, the same
    fraction of each class. Source: delete-a-group jackknife (Wolter, Introduction to Variance Estimation).
    """
    group = np.zeros(len(target), np.int64)
    order = np.random.default_rng(0).permutation(len(target))
    if target.ndim == 1:
        order = order[np.argsort(target[order], kind="stable")]
    group[order] = np.arange(len(target)) % FOLDS
    without = np.array([score(features[group != out], target[group != out]) for out in range(FOLDS)])
    return float(np.sqrt((FOLDS - 1) / FOLDS * ((without - without.mean()) ** 2).sum()))


def h_score(features: np.ndarray, label: np.ndarray, shrink: float = 0.1) -> float:
    """tr(cov(f)^-1 cov(E[f | y])): the fraction of the features' variance between the classes. features: (n, D).

    cov(f) is shrunk towards a multiple of the identity, without which it cannot be inverted for few records. Sources:
    Bao et al. 2019 (H-score); Ibrahim et al., arXiv 2110.06893 (shrinkage).
    """
    centered = features - features.mean(axis=0)
    n, width = centered.shape
    classes, number = np.unique(label, return_inverse=True)
    means = np.stack([centered[number == index].mean(axis=0) for index in range(len(classes))])
    between = means * np.sqrt(np.bincount(number) / n)[:, None]  # cov(E[f|y]) = between^T between
    _, singular, axes = np.linalg.svd(centered / np.sqrt(n), full_matrices=False)
    scale = shrink * float((singular**2).sum()) / width
    along = between @ axes.T  # (K, r) in the axes of the covariance; beyond them there is nothing between the classes
    return float((along**2 / ((1 - shrink) * singular**2 + scale)).sum())


def leep(probabilities: np.ndarray, label: np.ndarray) -> float:
    """Mean log-likelihood of the labels when the source's classes are mapped by their empirical conditional.

    probabilities: (n, K_S) of the source's own classes. Source: Nguyen et al., arXiv 2002.12462.
    """
    classes, number = np.unique(label, return_inverse=True)
    member = (number[:, None] == np.arange(len(classes))).astype(probabilities.dtype)
    joint = member.T @ probabilities  # (K, K_S), n P(y, z)
    whole = joint.sum(axis=0)
    conditional = np.divide(joint, whole, out=np.zeros_like(joint), where=whole > 0)  # P(y | z)
    expected = probabilities @ conditional.T  # (n, K)
    return float(np.log(expected[np.arange(len(number)), number].astype(np.float64)).mean())


def sliced_wasserstein(features: np.ndarray, reference: np.ndarray, slices: int = 256, seed: int = 0) -> float:
    """Mean distance W1 of two clouds over random directions: how far target features lie from the source's.

    features: (n, D), reference: (m, D). Both are scaled by the reference's mean and standard deviation, column by
    column, so that layers can be compared. A description, not a bound on the error. Source: Rabin et al. 2011; as a
    diagnosis of reprogramming arXiv 2106.09296.
    """
    mean, spread = reference.mean(axis=0), reference.std(axis=0)
    scale = np.where(spread > 1e-6 * (1 + np.abs(mean)), spread, np.inf)
    directions = np.random.default_rng(seed).standard_normal((reference.shape[1], slices))
    directions /= np.linalg.norm(directions, axis=0)
    one, other = (np.sort((points - mean) / scale @ directions, axis=0) for points in (features, reference))
    # Both quantile functions are steps: W1 is the mean of their difference over the steps of either.
    ends = np.union1d(np.arange(1, len(one) + 1) / len(one), np.arange(1, len(other) + 1) / len(other))
    widths = np.diff(ends, prepend=0.0)
    middles = ends - widths / 2
    steps = [points[np.minimum((middles * len(points)).astype(int), len(points) - 1)] for points in (one, other)]
    return float((np.abs(steps[0] - steps[1]) * widths[:, None]).sum(axis=0).mean())
