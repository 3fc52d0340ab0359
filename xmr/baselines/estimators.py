"""scikit-learn models on features: the ones that several kinds of data share, and how they are fitted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from xmr.baselines.base import BaselineInput
from xmr.core.global_generators import numpy_state_kept
from xmr.core.threads import blas_for

Model = Callable[[bool, int], BaseEstimator]  # (regression, seed) -> an unfitted model
FOLDS = 5
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)  # C of logistic regression
MARGINS = (0.1, 1.0, 10.0, 100.0)  # C of support vector machines
RIDGES = np.logspace(-3, 4, 15)


class CrossValidated(BaseEstimator):
    """A model whose one hyper-parameter is chosen by 5-fold cross-validation on the records that it learns from.

    Folds are stratified by class; there are as many as the rarest class has records, at most 5. With a class of one
    record nothing is chosen and the model is taken as it is. scoring: scikit-learn's name of a score.
    """

    def __init__(self, model: Any, field: str, values: tuple[float, ...], scoring: str | None = None) -> None:
        self.model, self.field, self.values, self.scoring = model, field, values, scoring

    def fit(self, features: Any, target: np.ndarray) -> CrossValidated:
        """Choose, then fit on all records."""
        classes = is_classifier(self.model)
        folds = min(FOLDS, int(np.unique(target, return_counts=True)[1].min()) if classes else len(target))
        search: Any = clone(self.model)
        if folds > 1:
            parts = (StratifiedKFold if classes else KFold)(folds, shuffle=True, random_state=0)
            search = GridSearchCV(search, {self.field: self.values}, scoring=self.scoring, cv=parts)
        with numpy_state_kept():  # libsvm takes a seed from numpy's global generator
            search.fit(features, target)
        self.best_ = search.best_estimator_ if folds > 1 else search
        if classes:
            self.classes_ = self.best_.classes_
        return self

    def predict(self, features: Any) -> np.ndarray:
        """Classes or numbers: (n,)."""
        return self.best_.predict(features)

    def predict_proba(self, features: Any) -> np.ndarray:
        """Of the classes: (n, K)."""
        return probabilities(self.best_, features)


def majority(data: BaselineInput) -> np.ndarray:
    """The class frequencies of the training records, or the mean of their values, for every record: (n, K)."""

    def model(regression: bool, seed: int) -> BaseEstimator:
        """Predicts the same for every record."""
        return DummyRegressor() if regression else DummyClassifier(strategy="prior")

    learned = len(data.sets["train"]) + len(data.sets["validation"])
    return fit_and_predict(model, np.zeros((learned, 1)), np.zeros((len(data.sets["test"]), 1)), data)


def linear(regression: bool, seed: int) -> BaseEstimator:
    """Standardized features; ridge or logistic regression, its strength cross-validated."""
    return tuned_linear(StandardScaler(), regression)


def tuned_linear(scaler: Any, regression: bool) -> BaseEstimator:
    """Ridge or logistic regression behind a scaler, the strength chosen by cross-validation."""
    if regression:
        return make_pipeline(scaler, RidgeCV(RIDGES))
    model = make_pipeline(scaler, LogisticRegression(max_iter=2000))
    return CrossValidated(model, "logisticregression__C", STRENGTHS, "neg_log_loss")


def svm(regression: bool, seed: int, scaler: Any = None) -> BaseEstimator:
    """A support vector machine with an RBF kernel on features, by default standardized; its C is cross-validated."""
    machine = SVR() if regression else SVC()
    return CrossValidated(
        make_pipeline(scaler or StandardScaler(), machine), f"{'svr' if regression else 'svc'}__C", MARGINS
    )


def forest(regression: bool, seed: int) -> BaseEstimator:
    """500 trees."""
    kind = RandomForestRegressor if regression else RandomForestClassifier
    return kind(500, n_jobs=-1, random_state=seed)


def fit_and_predict(model: Model, learned: Any, test: Any, data: BaselineInput) -> np.ndarray:
    """Fit on the features of train and validation together, predict those of test: (n, K).

    learned, test: (n, F), dense or sparse. A multilabel task is one model per label, fitted where the label is known.
    """
    with blas_for(learned.size):
        return _fit_and_predict(model, learned, test, data)


def _fit_and_predict(model: Model, learned: Any, test: Any, data: BaselineInput) -> np.ndarray:
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
    result[:, model.classes_.astype(int)] = probabilities(model, test)
    return result


def probabilities(model: Any, features: Any) -> np.ndarray:
    """Probabilities of the classes, (n, K); of a model without them the softmax of its decision values.

    Two classes share one decision value d, which counts as -d and d. A hard label would say less than the model knows.
    """
    if hasattr(model, "predict_proba"):
        return model.predict_proba(features)
    values = model.decision_function(features)
    return softmax(np.stack([-values, values], axis=1) if values.ndim == 1 else values, axis=1)
