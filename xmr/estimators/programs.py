"""Programs behind scikit-learn's interface: fit, predict, predict_proba, for pipelines and cross-validation.

X is what the recipe's encoder takes, in memory: a frame or an array (n, columns) for tables, (n, length) or (n,
channels, length) for series, (n, height, width[, 3]) for images, a list of texts for sequences.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags, check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d, validate_data

from xmr.commands.run import decide
from xmr.core.component import create
from xmr.core.registry import ENCODERS, SOURCES
from xmr.data.records import Records
from xmr.data.splits import Split, random_split
from xmr.encoders.base import Encoder
from xmr.estimators.parameters import RecipeParameters
from xmr.job import Job, job_on, make_encoder
from xmr.program import Program
from xmr.recipe.load import load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import task_class
from xmr.training.interrupt import TrainingInterruptedError
from xmr.training.loop import train

LABEL = "label"
PROGRAM = "files of a program folder"


def trained(recipe: Recipe, job: Job) -> Program:
    """The program of a job, trained. Raises KeyboardInterrupt after Ctrl-C: there is nothing to resume."""
    with tempfile.TemporaryDirectory() as folder:
        validation = job.sets["validation"] if len(job.sets["validation"]) else None
        try:
            train(job.program, job.sets["train"], validation, recipe.training, recipe.seed, Path(folder))
        except TrainingInterruptedError:  # its checkpoint is deleted with the folder
            raise KeyboardInterrupt from None
    decide(job)
    return job.program


class ProgramEstimator(RecipeParameters, BaseEstimator):
    """The base of classifier and regressor. A pickled estimator holds the program folder's files, never the source."""

    _task: str

    def __init__(
        self, recipe: str = "table/custom", overrides: Sequence[str] = (), random_state: int | None = 0
    ) -> None:
        self.recipe, self.overrides, self.random_state = recipe, overrides, random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags

    def _train(self, X: Any, labels: list[str]) -> Self:
        """Train the recipe's program on X only; data named in the recipe is not used."""
        recipe, records, job = self._loaded(X, labels)
        strata = task_class(self._task).strata(records)
        whole = random_split(strata, len(records), 0, recipe.data.split.validation, None, recipe.seed)
        split = Split(whole.train, whole.validation, np.zeros(0, dtype=np.int64), "no test part")
        self.program_ = trained(recipe, job(split))
        return self

    def _loaded(
        self, X: Any, labels: list[str], also: Sequence[str] = ()
    ) -> tuple[Recipe, Records, Callable[[Split], Job]]:
        """The recipe without its data, X as records that its encoder can read, and what makes a job of a split."""
        seed = self.random_state
        if not isinstance(seed, int | np.integer):  # None, or a generator, as everywhere in scikit-learn
            seed = check_random_state(seed).randint(2**31)
        given = [f"task={self._task}", *self.overrides, *also, f"seed={seed}", "baselines=[]"]
        recipe = load_recipe(self.recipe, given)
        recipe.data = recipe.data.model_copy(update={"dataset": None, "path": "<memory>", "positive": None})
        reader = ENCODERS.get(recipe.encoder["name"])
        records = self._records(X, reader, reset=True)
        records.labels = {LABEL: labels}
        recipe.encoder |= reader.fields_for(X)
        source = create(SOURCES, recipe.source).load(recipe.seed)
        make_encoder(recipe, source).require_valid(records, fitted=False)
        return recipe, records, partial(job_on, recipe, source, records)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the columns of `_answer`."""
        return self.program_.task.names

    def _answer(self, X: Any) -> np.ndarray:
        """Probabilities (n, K), or values (n, 1)."""
        check_is_fitted(self, "program_")
        return self.program_.predict(self._records(X, type(self.program_.encoder), reset=False)).values

    def _records(self, X: Any, encoder: type[Encoder], reset: bool) -> Records:
        """X as records. Raises ValueError for another shape or type."""
        if encoder.tabular and hasattr(X, "columns"):
            checks = {"skip_check_array": True, "reset": reset}
            validate_data(self, X, **checks)
        elif encoder.tabular:
            X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=reset)
        return encoder.from_array(X)

    def save(self, folder: Path | str) -> None:
        """Write the program folder: `Program.load` and `xmr predict` read it."""
        check_is_fitted(self, "program_")
        self.program_.save(Path(folder))

    def __getstate__(self) -> dict[str, Any]:
        return {name: _packed(value) for name, value in dict(super().__getstate__()).items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({name: _unpacked(value) for name, value in state.items()})


def _packed(value: Any) -> Any:
    """A program, or those of a list, as the files of their folders."""
    if isinstance(value, list):
        return [_packed(each) for each in value]
    if not isinstance(value, Program):
        return value
    with tempfile.TemporaryDirectory() as folder:
        value.save(Path(folder))
        return {PROGRAM: {path.name: path.read_bytes() for path in Path(folder).iterdir()}}


def _unpacked(value: Any) -> Any:
    """The inverse of `_packed`."""
    if isinstance(value, list):
        return [_unpacked(each) for each in value]
    if not isinstance(value, dict) or PROGRAM not in value:
        return value
    with tempfile.TemporaryDirectory() as folder:
        for name in ("program.json", "encoder.json", "program.safetensors"):
            Path(folder, name).write_bytes(value[PROGRAM][name])
        return Program.load(folder)


class ProgramClassifier(ClassifierMixin, ProgramEstimator):
    """A program that classifies.

    Args:
        recipe: a packaged recipe (`table/custom`, `series/ucr`, `protein/custom`) or a path to one; its encoder,
            source, transform, output, training and ensemble are used, and the validation fraction of its data section.
        overrides: `section.key=value` texts, as on the command line.
        random_state: seed of shuffling, initialization and validation split.
    """

    _task = "classification"

    def fit(self, X: Any, y: Any) -> Self:
        """X: see the module; y: (n,) labels. Raises ValueError for wrong input."""
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(X, y)
        if not len(y):
            raise ValueError("found 0 samples; expected at least two classes")
        self.classes_ = np.unique(y)
        if len(self.classes_) < 2:
            raise ValueError(f"found y of one class, {self.classes_[0]}; expected at least two classes")
        names = {label: str(label) for label in self.classes_.tolist()}
        if len(set(names.values())) < len(names):  # 1 and "1"
            names = {label: f"class {index}" for index, label in enumerate(names)}
        self._train(X, [names[label] for label in y.tolist()])
        self.order_ = [self.class_names.index(name) for name in names.values()]
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """(n, K), columns in the order of `classes_`."""
        return self._answer(X)[:, self.order_]

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each record: (n,)."""
        answers = self.predict_proba(X)
        return self.classes_[answers.argmax(axis=1)]


class ProgramRegressor(RegressorMixin, ProgramEstimator):
    """A program that predicts a number. Args: as for `ProgramClassifier`."""

    _task = "regression"

    def fit(self, X: Any, y: Any) -> Self:
        """X: see the module; y: (n,) numbers. Raises ValueError for wrong input."""
        y = column_or_1d(y, warn=True).astype(np.float64)
        if not np.isfinite(y).all():
            raise ValueError("found NaN or infinity in y; expected numbers")
        check_consistent_length(X, y)
        return self._train(X, [repr(value) for value in y.tolist()])

    def predict(self, X: Any) -> np.ndarray:
        """The value of each record: (n,)."""
        return self._answer(X)[:, 0]
