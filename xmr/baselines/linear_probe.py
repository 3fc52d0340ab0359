"""The recipe's own source without reprogramming: a linear probe on its features."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict
from xmr.core.kinds import ImageBatch
from xmr.core.spaces import PixelInput, PixelSpace
from xmr.outputs.ridge import solve
from xmr.program import source_features
from xmr.transforms.pixels import resize, with_channels
from xmr.transforms.vocabulary import FreeEmbedding


class PlainImages(nn.Module):
    """Images stretched over the source's input, nothing learned."""

    def __init__(self, space: PixelSpace) -> None:
        super().__init__()
        self.space = space

    def forward(self, image: ImageBatch) -> PixelInput:
        """(B, C, H, W) in [0, 1] -> pixels of the source's size."""
        height, width, channels = self.space.height, self.space.width, self.space.channels
        return PixelInput(with_channels(resize(image.values, height, width, "bilinear"), channels))


def rendering(data: BaselineInput) -> nn.Module:
    """What turns records into the source's input before anything is learned.

    Images are stretched; sequences before a language model start as its own tokens for their letters; everything else
    goes through the recipe's untrained transform.
    """
    space: Any = data.source.space
    kind = (data.case.emits, data.case.space)
    if kind == ("image", "pixel"):
        return PlainImages(space)
    if kind == ("symbols", "token"):
        return FreeEmbedding("own_tokens").build(data.spec, space, torch.Generator().manual_seed(data.seed))
    assert data.untrained is not None
    return copy.deepcopy(data.untrained)


def image_probe(data: BaselineInput) -> np.ndarray:
    """A linear model on the frozen source's features of plain images: (n, K).

    Logistic regression with a cross-validated strength; features of several layers get `ridge_probe`'s head, which
    suits more features than records better and is solved at once.
    """

    def model(regression: bool, seed: int) -> BaseEstimator:
        if data.source.feature_layers != 1:
            return RidgeLogits(regression)
        if regression:
            return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
        chosen = GridSearchCV(LogisticRegression(max_iter=500), {"C": np.logspace(-4, 1, 6)}, cv=3)
        return make_pipeline(StandardScaler(), chosen)

    learned, test = _features(data)
    return fit_and_predict(model, learned, test, data)


def ridge_probe(data: BaselineInput) -> np.ndarray:
    """The leave-one-out ridge of `output: ridge` on the frozen source's features: (n, K)."""
    learned, test = _features(data)
    return fit_and_predict(lambda regression, seed: RidgeLogits(regression), learned, test, data)


def _features(data: BaselineInput) -> tuple[np.ndarray, np.ndarray]:
    """Mean-pooled features of train and validation together, and of test, behind `rendering`: (n, D')."""
    render = rendering(data).eval()
    found = {name: source_features(data.source, render, records) for name, records in data.sets.items()}
    return np.concatenate([found["train"], found["validation"]]), found["test"]


class RidgeLogits(ClassifierMixin, RegressorMixin, BaseEstimator):
    """`xmr.outputs.ridge.solve` behind scikit-learn's interface."""

    def __init__(self, regression: bool = False) -> None:
        self.regression = regression

    def fit(self, features: np.ndarray, target: np.ndarray) -> RidgeLogits:
        """Solve for classes or numbers."""
        if self.regression:
            truth = target[:, None]
        else:
            self.classes_, number = np.unique(target, return_inverse=True)
            truth = np.eye(len(self.classes_))[number] * 2 - 1
        self.weight_, self.bias_ = solve(features, truth)
        return self

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Numbers, or the most likely class."""
        scores = features @ self.weight_.T + self.bias_
        return scores[:, 0] if self.regression else self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """softmax of the scores: (n, K)."""
        return softmax(features @ self.weight_.T + self.bias_, axis=1)
