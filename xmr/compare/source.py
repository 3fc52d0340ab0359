"""The recipe's own source without reprogramming: a linear probe on its features, and full fine-tuning of a copy."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from xmr.compare.baselines import Parts, fitted
from xmr.compare.network import fit_network
from xmr.sources.vision import VisionSource
from xmr.spaces import Image, PixelInput
from xmr.transforms.pixels import resize, with_channels

EPOCHS, PICTURES, RATE, PATIENCE = 20, 32, 3e-4, 6


def plain(source: VisionSource, image: Image) -> PixelInput:
    """The picture stretched over the source's input, nothing learned."""
    space = source.space
    return PixelInput(with_channels(resize(image.values, space.height, space.width, "bilinear"), space.channels))


def linear_probe(parts: Parts) -> np.ndarray:
    """Logistic regression (ridge for regression) on the frozen source's features of the plain pictures: (n, K)."""
    source = parts.source
    assert isinstance(source, VisionSource)

    def features(data: Any) -> np.ndarray:
        found = []
        with torch.inference_mode():
            for begin in range(0, len(data), 64):
                batch = data.batch(np.arange(begin, min(begin + 64, len(data))))
                found.append(source.features(plain(source, batch)).float())
        return torch.cat(found).numpy() if found else np.zeros((0, source.hidden_width), np.float32)

    def model(regression: bool, seed: int) -> BaseEstimator:
        if regression:
            return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 4, 15)))
        return make_pipeline(StandardScaler(), _chosen_logistic())

    left = np.concatenate([features(parts.sets["train"]), features(parts.sets["validation"])])
    return fitted(model, left, features(parts.sets["test"]), parts)


def _chosen_logistic() -> BaseEstimator:
    """Logistic regression, its strength chosen by three folds of the training part."""
    return GridSearchCV(LogisticRegression(max_iter=500), {"C": np.logspace(-4, 1, 6)}, cv=3)


class _Tuned(nn.Module):
    """A copy of the source that learns, with a new classifier."""

    def __init__(self, source: VisionSource, outputs: int) -> None:
        super().__init__()
        self.source = source.trainable_copy()
        self.out = nn.Linear(source.hidden_width, outputs)

    def train(self, mode: bool = True) -> _Tuned:
        """Unlike a frozen source, a copy that is tuned does train (its batch-norm statistics move)."""
        super().train(mode)
        self.source.body.train(mode)
        return self

    def forward(self, image: Image) -> Tensor:
        """(B, C, H, W) -> (B, K)."""
        return self.out(self.source.features(plain(self.source, image)))


def fine_tuning(parts: Parts) -> np.ndarray:
    """Every weight of a copy of the source trained, the epoch chosen on validation, test answered: (n, K)."""
    source = parts.source
    assert isinstance(source, VisionSource)
    target = {name: torch.from_numpy(np.asarray(value)) for name, value in parts.targets.items()}
    settings = {"epochs": EPOCHS, "budget": PICTURES, "rate": RATE, "patience": PATIENCE, "seed": parts.seed}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(parts.seed)
        model = _Tuned(source, parts.description.outputs)
        return fit_network(model, parts.sets, target, parts.description, **settings, augment=parts.augment)  # type: ignore[arg-type]
