"""A program as a transformer of scikit-learn: the frozen source's features of each record, for any head."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from xmr.core.registry import ENCODERS
from xmr.data.splits import Split
from xmr.estimators.programs import LABEL, ProgramEstimator, trained
from xmr.program import Program


class ProgramFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ProgramEstimator):
    """Frozen features of records: what the source makes of them behind the programs, averaged over positions.

    `transform` gives (n, N x D'): the features behind each of the N programs of an ensemble, one after the other.

    Args:
        recipe: a packaged recipe or a path to one, whose encoder is fitted on X and whose transform is as it is before
            training; its output and training are not used.
        overrides: `section.key=value` texts, as on the command line.
        random_state: seed of the initialization.
        program: the folder of a trained program or of its run, or `hub:USER/NAME`, in place of the recipe: `fit` then
            only counts columns.
    """

    _task = "regression"

    def __init__(
        self,
        recipe: str = "table/custom",
        overrides: Sequence[str] = (),
        random_state: int | None = 0,
        program: str | Path | None = None,
    ) -> None:
        super().__init__(recipe, overrides, random_state)
        self.program = program

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """X: see `xmr.estimators.programs`; y is not used."""
        if self.program is not None:
            self.program_ = Program.load(self.program)
            self._records(X, type(self.program_.encoder), reset=True)
            return self
        plain = ["output=linear", "data.target_scale=standard", "training={epochs: 0}"]
        recipe, records, job = self._loaded(X, [], plain)
        records.labels = {LABEL: [str(number % 2) for number in range(len(records))]}  # no label is learned
        nobody = np.zeros(0, dtype=np.int64)
        self.program_ = trained(recipe, job(Split(np.arange(len(records)), nobody, nobody, "no test part")))
        return self

    def transform(self, X: Any) -> np.ndarray:
        """(n, N x D')."""
        check_is_fitted(self, "program_")
        records = self._records(X, ENCODERS.get(self.program_.encoder.section["name"]), reset=False)
        data = self.program_.encoder.encode(records)
        return np.hstack([self.program_.features(data, member) for member in range(len(self.program_.transforms))])

    @property
    def _n_features_out(self) -> int:
        """Number of columns of `transform`."""
        return len(self.program_.transforms) * self.program_.source.hidden_width
