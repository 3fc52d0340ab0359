"""Images as rows of pixels for a linear model, a support vector machine or a random forest."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import Model, fit_and_predict, forest, linear, svm


def pixel_logistic(data: BaselineInput) -> np.ndarray:
    """A linear model on pixels: (n, K)."""
    return _on_pixels(linear, data)


def pixel_svm(data: BaselineInput) -> np.ndarray:
    """A support vector machine with an RBF kernel on pixels in [0, 1], not standardized: (n, K)."""
    return _on_pixels(partial(svm, scaler="passthrough"), data)


def pixel_forest(data: BaselineInput) -> np.ndarray:
    """A random forest on pixels: (n, K)."""
    return _on_pixels(forest, data)


def _on_pixels(model: Model, data: BaselineInput) -> np.ndarray:
    learned = np.concatenate([pixels(data.sets["train"]), pixels(data.sets["validation"])])
    return fit_and_predict(model, learned, pixels(data.sets["test"]), data)


def pixels(images: Any) -> np.ndarray:
    """Every image as one row of at most 1,024 pixels per channel: (n, features) in [0, 1]."""
    values = images.values
    step = max(1, -(-max(values.shape[1:3]) // 32))
    seen = values[:, ::step, ::step]
    return seen.reshape(len(seen), np.prod(seen.shape[1:])).astype(np.float32) / 255  # -1 fails where there is none
