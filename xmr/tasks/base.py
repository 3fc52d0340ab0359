"""The contract of a task. An instance is fitted on the labels of the training part, and saved with the program."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.kinds import EncodedSet, Spec
from xmr.core.prediction import IGNORE, Prediction
from xmr.core.registry import TASKS
from xmr.data.readers.numbers import is_labelled
from xmr.data.records import Records
from xmr.errors import Problem, RecipeError, one_of
from xmr.metrics.base import Array
from xmr.metrics.intervals import bootstrap
from xmr.metrics.registry import METRICS

Combine = Literal["mean", "entropy"]  # how the programs of an ensemble become one prediction
Scale = Literal["standard", "quantile"]  # how numbers are brought to a common scale
Table = tuple[list[str], list[list[Any]]]  # header and rows
SETS = ("prediction_set", "lower", "upper")  # columns of `Task.within`


@dataclass(frozen=True)
class Task(ABC):
    """What is predicted for each record: how labels become targets, the loss, the metrics, the table of predictions.

    names: the classes, the label columns, or the steps of a forecast; K in shapes. column: the label column. metric:
    what the best epoch is chosen by, where it is not `main_metric`.
    Subclasses state their facts as class attributes:

    name: what a recipe calls it. like: another task whose outputs and metrics suit this one as well.
    predicts: values for each record, each position of a record, its hidden positions, or the steps after it.
    per_position: each position of a record has a target, not the record.
    classes: targets are class numbers.
    has_labels: targets come from label columns. several_columns: there may be more than one of them.
    probabilistic: predictions are probabilities, otherwise numbers.
    one_answer: the report may ask what the prediction of a record depends on.
    independent: records are sampled on their own, so that bootstrap intervals hold.
    single_target: one class or number per record. has_threshold: of a binary or yes-or-no decision.
    per_label: metrics that each label has as well, as `auroc[label]`.
    default_output: the output `xmr new` writes.
    figures: names of those in `xmr.report.figures` that suit the predictions.
    """

    names: tuple[str, ...]
    column: str = ""
    metric: str = field(default="", kw_only=True)

    name: ClassVar[str]
    like: ClassVar[str] = ""
    predicts: ClassVar[Literal["record", "position", "future", "hidden"]] = "record"
    per_position: ClassVar[bool] = False
    classes: ClassVar[bool] = False
    has_labels: ClassVar[bool] = True
    several_columns: ClassVar[bool] = False
    probabilistic: ClassVar[bool] = True
    one_answer: ClassVar[bool] = True
    independent: ClassVar[bool] = True
    single_target: ClassVar[bool] = False
    has_threshold: ClassVar[bool] = False
    per_label: ClassVar[tuple[str, ...]] = ()
    default_output: ClassVar[str] = "linear"
    figures: ClassVar[tuple[str, ...]] = ()

    # Labels

    @classmethod
    def check_labels(cls, records: Records) -> dict[int, str]:
        """Labels that cannot be read for this task: index -> "found ...; expected ..."."""
        wrong: dict[int, str] = {}
        for column, labels in records.labels.items():
            for index, label in enumerate(labels):
                problem = cls.unreadable(label, column)
                if problem is not None:
                    wrong[index] = problem
        return wrong

    @classmethod
    def unreadable(cls, label: str, column: str) -> str | None:
        """What is wrong with one label, as "found ...; expected ...", or None."""
        if is_labelled(label):
            return None
        found = f"found {label!r} in {column!r}, which is no label" if label else f"found no label in {column!r}"
        return f"{found}; expected one"

    @classmethod
    def check_lengths(cls, records: Records, lengths: np.ndarray) -> dict[int, str]:
        """Records whose labels do not fit their length. lengths: (n,) positions of each record after cleaning."""
        return {}

    @classmethod  # noqa: B027  (most take any training part)
    def check_split(cls, records: Records, train: np.ndarray) -> None:
        """Raises DataError where the training part (indices of records) cannot be learned from."""

    @classmethod
    def strata(cls, records: Records) -> np.ndarray | None:
        """Class numbers to stratify splits by, or None."""
        return None

    @classmethod
    def shuffle_labels(cls, records: Records, rng: np.random.Generator) -> None:
        """The control of shuffled labels: the same labels in another order, in place."""
        order = rng.permutation(len(records))
        records.labels = {name: [column[i] for i in order] for name, column in records.labels.items()}

    @classmethod
    def example_labels(
        cls, scores: Sequence[float], second: Sequence[bool], letters: Sequence[str] = ()
    ) -> dict[str, list[str]]:
        """Label columns of synthetic records, from a number and a truth value of each and a letter per position."""
        middle = float(np.median(scores))
        return {"label": ["high" if score > middle else "low" for score in scores]}

    @classmethod
    def stand_ins(cls, records: Records, lengths: np.ndarray) -> dict[str, list[str]]:
        """Label columns for unlabelled records to be encoded next to labelled ones, from labels that those have.

        records: the labelled ones; lengths: (n,) positions of each unlabelled one.
        """
        return {column: [labels[0]] * len(lengths) for column, labels in records.labels.items()}

    # Targets

    @classmethod
    def fit(cls, records: Records, positive: str | None = None, scale: Scale = "standard") -> Self:
        """The task as the training part has it. records: checked by `check_labels`.

        positive: the class of interest of a binary task; scale: how numbers are standardized.
        """
        columns = tuple(records.labels)
        return cls(columns, columns[0])

    @property
    def outputs(self) -> int:
        """Number of outputs K."""
        return len(self.names)

    @property
    def columns(self) -> tuple[str, ...]:
        """The label columns."""
        return (self.column,)

    def check(self, records: Records) -> dict[int, str]:
        """Labels that the training part does not have: index -> "found ...; expected ..."."""
        return {}

    @abstractmethod
    def encode(self, records: Records) -> Tensor:
        """Targets of checked records: (n,) or (n, K), or (positions of all records,) for `per_position`."""

    def batch_targets(self, target: Tensor, data: EncodedSet, batch: np.ndarray) -> Tensor:
        """The targets of a batch of records: (B,) or (B, K), or (B, L) laid out like the encoded batch."""
        return data.align(target, batch, IGNORE) if self.per_position else target[torch.from_numpy(batch)]

    def lengths(self, data: EncodedSet) -> np.ndarray | None:
        """The number of positions of each record of an encoded data set, where every position has a target."""
        return data.positions if self.per_position else None

    def state(self) -> dict[str, Any]:
        """Plain JSON, from which `restore_task` makes an equal task."""
        return {"task": self.name, **asdict(self)}

    def own_units(self, values: np.ndarray) -> np.ndarray:
        """What a program is trained on, (n, K), in the units of the labels."""
        return values

    def counts(self, target: Tensor) -> dict[str, int]:
        """Records (or positions) of each class among encoded targets; of each label that holds; {} for numbers."""
        return {}

    # Training

    def class_weights(self, target: Tensor) -> Tensor | None:
        """Weights of the loss, (K,), with which every class has the same total weight; None: there are no classes."""
        return None

    @classmethod
    @abstractmethod
    def loss(cls, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0) -> Tensor:
        """Mean loss of each program: logits (N, R, K), or (N, B, L, K) for `per_position` -> (N,).

        weights: (K,) of the classes; smoothing: of their labels. Tasks without classes use neither.
        """

    @abstractmethod
    def probabilities(self, logits: Tensor) -> Tensor:
        """Logits (..., K) -> probabilities, or numbers in their own units."""

    def combined(self, each: Tensor) -> Tensor:
        """One prediction from those of the programs of an ensemble: (N, ..., K) -> (..., K), their mean."""
        return each.mean(dim=0)

    def decode(self, predict: Callable[[EncodedSet], Tensor], data: EncodedSet, spec: Spec) -> Tensor:
        """The predictions of each program for a data set, (N, R, K), from one or several passes of `predict`."""
        return predict(data)

    # Results

    @abstractmethod
    def scored(self, values: Array, truth: Array) -> Any:
        """What the metrics are computed from (see `Metric.function`); arguments as those of `metrics`."""

    def metrics(self, values: Array, target: Tensor | Array, lengths: np.ndarray | None = None) -> dict[str, float]:
        """All metrics registered for the task; NaN where one is not defined (AUROC of a single class).

        values: (n, K) as `probabilities` gives them; target: as `encode` gives it; lengths: see `lengths`.
        """
        return METRICS.scores((self.name, self.like), self.scored(values, np.asarray(target)))

    @property
    @abstractmethod
    def main_metric(self) -> str:
        """What the best epoch is chosen by on validation, and what a report opens with, unless a recipe states it."""

    @classmethod
    def check_metric(cls, name: str, labels: Sequence[str], place: str) -> None:
        """Raises RecipeError for a metric that the task does not report. labels: the label columns, where known."""
        plain, _, label = name.removesuffix("]").partition("[")
        reported = [metric.name for metric in METRICS if {cls.name, cls.like} & {*metric.tasks}]
        known = [f"{plain}[{column}]" for column in labels] if label and plain in cls.per_label else reported
        if plain not in reported or (known and name not in known):
            raise RecipeError(one_of(place, name, known or reported))

    @property
    def chosen_metric(self) -> str:
        """The metric that the recipe states, or else `main_metric`."""
        return self.metric or self.main_metric

    def score(self, found: Mapping[str, float]) -> float:
        """The chosen metric of `metrics`, negative where lower is better: the best epoch has the highest score."""
        value = found[self.chosen_metric]
        return value if METRICS.get(self.chosen_metric).higher_is_better else -value

    @property
    def decision(self) -> str:
        """A sentence on the decision threshold, where it is not the usual one."""
        return ""

    def decided(self, values: Array, target: Tensor, learned: Tensor) -> Self:
        """With a decision threshold chosen on held-out records, where the task has one.

        values, target: see `metrics`; learned: targets of the training part.
        """
        return self

    def by_parts(self, parts: Sequence[Task], counts: Sequence[int]) -> Self:
        """With the decision threshold of its own part for each record, for metrics and a table of all of them.

        parts: tasks with what each has chosen; counts: their records, which follow each other.
        """
        return self

    def calibrated(self, each: Array, target: Tensor) -> Self:
        """With probabilities calibrated on held-out records, where the task has one class per record.

        each: (N, n, K) predictions of each program; target: as `encode` gives it.
        """
        return self

    def interval(self, values: Array, target: Tensor, lengths: np.ndarray | None = None) -> dict[str, list[float]]:
        """Bootstrap intervals of the metrics over whole records: name -> [low, high]; {} unless they are `independent`.

        lengths: see `lengths`.
        """
        return bootstrap(self.metrics, values, target, lengths) if self.independent else {}

    @abstractmethod
    def table(self, prediction: Prediction) -> Table:
        """Header and rows of predictions.csv, the id first."""

    @classmethod
    @abstractmethod
    def is_header(cls, header: list[str]) -> bool:
        """Whether this is the header of a table that `table` makes."""

    def combining(self, rule: Combine) -> Self:
        """With this rule of `combined`, where the task has several."""
        return self

    def filling(self, passes: int) -> Self:
        """With `passes` to fill hidden letters, where the task has any."""
        return self

    def sampling(self, n: int) -> Self:
        """With `n` samples per record in the table. Raises RecipeError for a task that cannot sample."""
        raise RecipeError(Problem("--samples", f"task {self.name}", "a program that fills hidden letters (infilling)"))

    def nonconformity(self, values: Array, truth: np.ndarray) -> Array:
        """How far the truth lies from the prediction of each record, (n,), in the unit of `within`.

        Arguments: as those of `metrics`. Of tasks with one class or number per record.
        """
        raise NotImplementedError

    def within(self, values: Array, limit: float) -> dict[str, list[Any]]:
        """What lies within `limit` of the predictions (n, K), as columns of the table of predictions."""
        raise NotImplementedError

    def errors(self, values: Array, truth: np.ndarray) -> tuple[Array, list[tuple[str, str]]] | None:
        """Loss of each record (-inf: right), with the true and the predicted label as text; None: not to be listed."""
        return None


def task_class(name: str, place: str = "task") -> type[Task]:
    """The task called `name`. Raises RecipeError with the nearest names, at `place`."""
    return TASKS.get(name, place)


def restore_task(state: dict[str, Any], place: str = "task") -> Task:
    """The inverse of `Task.state`. Raises RecipeError, at `place`, for a task that is not installed."""
    task = task_class(state["task"], place)
    return task(**{field.name: _tuples(state[field.name]) for field in fields(task) if field.name in state})


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
