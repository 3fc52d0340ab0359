"""What one would do with tables otherwise: gradient-boosted trees, logistic regression, a random forest."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xmr.baselines.base import BaselineInput, fitted
from xmr.core.kinds import TableSet, TableSpec


def table_baseline(name: str, parts: BaselineInput) -> np.ndarray:
    """Fit on train and validation, answer test: (n, K). They see the cells as the encoder reads them."""
    spec = parts.spec
    assert isinstance(spec, TableSpec)
    make = coded if name in ("hist_gradient_boosting", "random_forest") else one_hot
    left = np.concatenate([make(parts.sets["train"], spec), make(parts.sets["validation"], spec)])

    def model(regression: bool, seed: int) -> BaseEstimator:
        return _model(name, regression, seed, spec, len(left))

    return fitted(model, left, make(parts.sets["test"], spec), parts)


def _model(name: str, regression: bool, seed: int, spec: TableSpec, rows: int) -> BaseEstimator:
    if name == "hist_gradient_boosting":
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        first = len(spec.numbers)
        # scikit-learn's leaves of 20 rows leave no tree to grow from 32 rows.
        leaf = min(20, max(2, rows // 16))
        columns = list(range(first, first + len(spec.categories)))
        return kind(categorical_features=columns, min_samples_leaf=leaf, random_state=seed)
    if name == "random_forest":
        return (RandomForestRegressor if regression else RandomForestClassifier)(500, n_jobs=-1, random_state=seed)
    if name == "majority":
        return DummyRegressor() if regression else DummyClassifier(strategy="prior")
    linear: Any = RidgeCV(np.logspace(-3, 4, 15)) if regression else LogisticRegression(max_iter=2000)
    return make_pipeline(StandardScaler(), linear)


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
