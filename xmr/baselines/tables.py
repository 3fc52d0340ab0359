"""Tables: gradient-boosted trees, a random forest, logistic regression."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict, forest, linear
from xmr.core.kinds import TableSet, TableSpec


def logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on numbers, gaps and one-hot categories: (n, K)."""
    learned, test = _features(one_hot, data)
    return fit_and_predict(linear, learned, test, data)


def random_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on numbers and category ids: (n, K)."""
    learned, test = _features(coded, data)
    return fit_and_predict(forest, learned, test, data)


def hist_gradient_boosting(data: BaselineInput) -> np.ndarray:
    """Gradient-boosted trees on numbers and category ids: (n, K)."""
    learned, test = _features(coded, data)
    first = len(data.spec.numbers)
    columns = list(range(first, first + len(data.spec.categories)))
    # scikit-learn's leaves of 20 rows leave no tree to grow from 32 rows.
    leaf = min(20, max(2, len(learned) // 16))

    def model(regression: bool, seed: int) -> BaseEstimator:
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return kind(categorical_features=columns, min_samples_leaf=leaf, random_state=seed)

    return fit_and_predict(model, learned, test, data)


def _features(make: Callable[[TableSet, TableSpec], np.ndarray], data: BaselineInput) -> tuple[np.ndarray, np.ndarray]:
    """Features of train and validation together, and of test; the cells are as the encoder reads them."""
    found = {name: make(part, data.spec) for name, part in data.sets.items()}
    return np.concatenate([found["train"], found["validation"]]), found["test"]


def coded(data: TableSet, spec: TableSpec) -> np.ndarray:
    """Numbers (NaN where missing), then category ids, a gap or an unseen value as NaN: (n, F + G)."""
    numbers = np.where(data.missing.numpy(), np.nan, data.numbers.numpy())
    values = np.array([len(column.values) for column in spec.categories])
    ids = data.categories.numpy().astype(np.float64)
    return np.concatenate([numbers, np.where(ids < values, ids, np.nan)], axis=1) if len(values) else numbers


def one_hot(data: TableSet, spec: TableSpec) -> np.ndarray:
    """Numbers (zero, their middle, where missing), whether each is missing, and a column a category value."""
    columns = [data.numbers.numpy(), data.missing.numpy()[:, list(spec.gaps)].astype(np.float32)]
    for column, ids in zip(spec.categories, data.categories.numpy().T):
        columns.append((ids[:, None] == np.arange(len(column.values) + column.gaps)).astype(np.float32))
    return np.concatenate(columns, axis=1)
