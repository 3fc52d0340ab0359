"""A program as a time-series classifier of aeon, for its checks, pipelines and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
from aeon.classification.base import BaseClassifier

from xmr.estimators.parameters import RecipeParameters
from xmr.estimators.programs import ProgramClassifier


class SeriesProgramClassifier(RecipeParameters, BaseClassifier):
    """Reprogram a frozen source for a set of series (n, channels, length).

    Args:
        recipe: a packaged series recipe or a path to one; its data section is not used.
        overrides: `section.key=value` texts, as on the command line.
        random_state: seed of shuffling and initialization.
    """

    _tags: ClassVar[dict[str, Any]] = {
        "X_inner_type": "numpy3D",
        "capability:multivariate": True,
        "capability:train_estimate": False,
        "algorithm_type": "deeplearning",
        "python_dependencies": "torch",
        "cant_pickle": False,
    }

    def __init__(self, recipe: str = "series/ucr", overrides: Sequence[str] = (), random_state: int | None = 0) -> None:
        self.recipe, self.overrides, self.random_state = recipe, overrides, random_state
        super().__init__()

    def _fit(self, X: np.ndarray, y: np.ndarray) -> Self:
        self.program_ = ProgramClassifier(self.recipe, self.overrides, self.random_state).fit(X, y)
        return self

    def _predict(self, X: np.ndarray) -> np.ndarray:
        return self.program_.predict(X)

    def _predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.program_.predict_proba(X)

    @classmethod
    def _get_test_params(cls, parameter_set: str = "default") -> dict[str, Any]:
        return {"overrides": ("source={name: identity, width: 16}", "transform={name: signal_patches}", "ensemble=1")}
