"""scikit-learn models on features: the ones that several kinds of data share, and how they are fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xmr.baselines.base import BaselineInput

Model = Callable[[bool, int], BaseEstimator]  # (regression, seed) -> an unfitted model


def majority(data: BaselineInput) -> np.ndarray:
    """The class frequencies of the training records, or the mean of their values, for every record: (n, K)."""

    def model(regression: bool, seed: int) -> BaseEstimator:
        return DummyRegressor() if regression else DummyClassifier(strategy="prior")

    learned = len(data.sets["train"]) + len(data.sets["validation"])
    return fit_and_predict(model, np.zeros((learned, 1)), np.zeros((len(data.sets["test"]), 1)), data)


def linear(regression: bool, seed: int) -> BaseEstimator:
    """Standardized features; ridge regression with its strength cross-validated, or logistic regression."""
    model = RidgeCV(np.logspace(-3, 4, 15)) if regression else LogisticRegression(max_iter=2000)
    return make_pipeline(StandardScaler(), model)


def plain_linear(regression: bool, seed: int) -> BaseEstimator:
    """As `linear`, with scikit-learn's own three ridge strengths."""
    return make_pipeline(StandardScaler(), RidgeCV() if regression else LogisticRegression(max_iter=2000))


def forest(regression: bool, seed: int) -> BaseEstimator:
    """500 trees."""
    kind = RandomForestRegressor if regression else RandomForestClassifier
    return kind(500, n_jobs=-1, random_state=seed)


def fit_and_predict(model: Model, learned: Any, test: Any, data: BaselineInput) -> np.ndarray:
    """Fit on the features of train and validation together, predict those of test: (n, K).

    learned, test: (n, F), dense or sparse. A multilabel task is one model per label, fitted where the label is known.
    """
    task = data.task
    target = np.concatenate([data.targets["train"], data.targets["validation"]])
    if not task.probabilistic:
        values = model(True, data.seed).fit(learned, target[:, 0]).predict(test)
        return task.own_units(values[:, None])
    if task.several_columns:
        columns = []
        for column in range(task.outputs):
            rows = np.flatnonzero(~np.isnan(target[:, column]))
            columns.append(_probability(model(False, data.seed), learned[rows], target[rows, column], test, 2)[:, 1])
        return np.stack(columns, axis=1)
    return _probability(model(False, data.seed), learned, target, test, task.outputs)


def _probability(model: Any, learned: Any, target: np.ndarray, test: Any, classes: int) -> np.ndarray:
    """Probabilities in the order of the class numbers; a class absent from training gets zero."""
    model.fit(learned, target)
    result = np.zeros((test.shape[0], classes))
    result[:, model.classes_.astype(int)] = model.predict_proba(test)
    return result
