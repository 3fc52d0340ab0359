"""Tables: linear models, a support vector machine, forests and gradient-boosted trees on the values of the file."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import Model, fit_and_predict, forest, svm, tuned_linear
from xmr.core.kinds import TableSet, TableSpec


def logistic(data: BaselineInput) -> np.ndarray:
    """Ridge or logistic regression on standardized numbers and one-hot categories: (n, K)."""
    return _on_cells(lambda regression, seed: tuned_linear(columns_of(data.spec), regression), data)


def rbf_svm(data: BaselineInput) -> np.ndarray:
    """A support vector machine with an RBF kernel on standardized numbers and one-hot categories: (n, K)."""
    return _on_cells(lambda regression, seed: make_pipeline(columns_of(data.spec), svm(regression, seed)), data)


def random_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on numbers and category ids: (n, K)."""
    return _on_cells(forest, data)


def hist_gradient_boosting(data: BaselineInput) -> np.ndarray:
    """Gradient-boosted trees on numbers and category ids: (n, K)."""
    first = len(data.spec.numbers)
    columns = list(range(first, first + len(data.spec.categories)))
    # scikit-learn's leaves of 20 rows leave no tree to grow from 32 rows.
    leaf = min(20, max(2, (len(data.sets["train"]) + len(data.sets["validation"])) // 16))

    def model(regression: bool, seed: int) -> BaseEstimator:
        kind = HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier
        return kind(categorical_features=columns, min_samples_leaf=leaf, random_state=seed)

    return _on_cells(model, data)


def _on_cells(model: Model, data: BaselineInput) -> np.ndarray:
    learned = np.concatenate([coded(data.sets[part], data.spec) for part in ("train", "validation")])
    return fit_and_predict(model, learned, coded(data.sets["test"], data.spec), data)


def columns_of(spec: TableSpec) -> ColumnTransformer:
    """What scikit-learn makes of the cells of `coded`: standardized numbers, gaps as their mean and a column that says
    so; a column for each category, none for one that training did not contain.
    """
    first, both = len(spec.numbers), len(spec.names)
    numbers = make_pipeline(SimpleImputer(add_indicator=True, keep_empty_features=True), StandardScaler())
    categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    return ColumnTransformer(
        [("numbers", numbers, list(range(first))), ("categories", categories, list(range(first, both)))]
    )


def coded(data: TableSet, spec: TableSpec) -> np.ndarray:
    """Numbers as in the file (NaN where missing), then category ids, a gap or an unseen value as NaN: (n, F + G)."""
    values = np.array([len(column.values) for column in spec.categories])
    ids = data.categories.numpy().astype(np.float64)
    return np.concatenate([data.raw, np.where(ids < values, ids, np.nan)], axis=1) if len(values) else data.raw
