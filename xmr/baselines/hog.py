"""A support vector machine on histograms of oriented gradients."""

from __future__ import annotations

import numpy as np

from xmr.baselines.base import BaselineInput
from xmr.baselines.estimators import fit_and_predict, svm
from xmr.outputs.domain_features.hog import gradients


def hog_svm(data: BaselineInput) -> np.ndarray:
    """A support vector machine on histograms of oriented gradients: (n, K)."""
    learned, middle, test = (gradients(np.asarray(data.sets[part].values)) for part in ("train", "validation", "test"))
    return fit_and_predict(svm, np.concatenate([learned, middle]), test, data)
