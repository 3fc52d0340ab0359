"""The recipe's own source without reprogramming: a linear probe on its features."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from xmr.baselines.base import BaselineInput, fitted
from xmr.core.kinds import ImageBatch, ImageSpec, SymbolSpec
from xmr.core.spaces import PixelInput, SourceInput
from xmr.outputs.ridge import solve
from xmr.program import source_features
from xmr.sources.vision import VisionSource
from xmr.transforms.pixels import resize, with_channels
from xmr.transforms.vocabulary import FreeEmbedding


def plain(source: VisionSource, image: ImageBatch) -> PixelInput:
    """The picture stretched over the source's input, nothing learned."""
    space = source.space
    return PixelInput(with_channels(resize(image.values, space.height, space.width, "bilinear"), space.channels))


def linear_probe(parts: BaselineInput) -> np.ndarray:
    """A linear model on the frozen source's features, nothing learned before them: (n, K).

    Of the plain pictures; of sequences in the source's own words for their letters; of all else as the recipe's
    transform hands it over before it is trained. Pictures before one depth: logistic regression; all else: the ridge of
    `output: ridge`, which suits more features than records better and is solved at once.
    """
    source = parts.source
    if isinstance(parts.spec, SymbolSpec) and source.space_kind == "token":
        generator = torch.Generator().manual_seed(parts.seed)
        return _untrained_probe(parts, FreeEmbedding("own_words").build(parts.spec, source.space, generator).eval())
    if not isinstance(parts.spec, ImageSpec) or not isinstance(source, VisionSource):
        assert parts.untrained is not None
        return _untrained_probe(parts, parts.untrained)

    def features(data: Any) -> np.ndarray:
        """Of every record of a part: (n, D')."""
        found = []
        with torch.inference_mode():
            for begin in range(0, len(data), 64):
                batch = data.batch(np.arange(begin, min(begin + 64, len(data))))
                found.append(source.features(plain(source, batch)).float())
        return torch.cat(found).numpy() if found else np.zeros((0, source.hidden_width), np.float32)

    def model(regression: bool, seed: int) -> BaseEstimator:
        """What is fitted on them."""
        if source.taps > 1:
            return RidgeLogits(regression)
        if regression:
            return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
        return make_pipeline(StandardScaler(), _chosen_logistic())

    left = np.concatenate([features(parts.sets["train"]), features(parts.sets["validation"])])
    return fitted(model, left, features(parts.sets["test"]), parts)


def _untrained_probe(parts: BaselineInput, render: Callable[[Any], SourceInput]) -> np.ndarray:
    """The leave-one-out ridge of `output: ridge` on features of what `render` hands to the source."""

    def features(name: str) -> np.ndarray:
        """Of every record of a split: (n, D')."""
        return source_features(parts.source, render, parts.sets[name])

    left = np.concatenate([features("train"), features("validation")])
    return fitted(lambda regression, seed: RidgeLogits(regression), left, features("test"), parts)


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
        """Numbers, or the likeliest class."""
        scores = features @ self.weight_.T + self.bias_
        return scores[:, 0] if self.regression else self.classes_[scores.argmax(axis=1)]

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        """softmax of the scores: (n, K)."""
        return softmax(features @ self.weight_.T + self.bias_, axis=1)


def _chosen_logistic() -> BaseEstimator:
    """Logistic regression, its strength chosen by three folds of the training part."""
    return GridSearchCV(LogisticRegression(max_iter=500), {"C": np.logspace(-4, 1, 6)}, cv=3)
