"""`xmr auto` behind scikit-learn's interface: programs and baselines compete for the records given to `fit`."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from xmr.commands.auto.result import Result
from xmr.commands.auto.saved import baseline_on
from xmr.commands.auto.search import search
from xmr.core.registry import ENCODERS
from xmr.data.records import Records
from xmr.data.splits import Split, random_split
from xmr.estimators.programs import ProgramClassifier, ProgramEstimator, ProgramRegressor, trained
from xmr.program import Program
from xmr.recipe.load import load_recipe
from xmr.tasks.base import task_class


class AutoEstimator(ProgramEstimator):
    """The base of classifier and regressor."""

    members_: list[Program | str]  # a name is a baseline, which is fitted again when it predicts
    training_: Records
    result_: Result

    def __init__(
        self,
        recipe: str = "table/custom",
        overrides: Sequence[str] = (),
        random_state: int | None = 0,
        minutes: float = 10.0,
        metric: str | None = None,
    ) -> None:
        super().__init__(recipe, overrides, random_state)
        self.minutes, self.metric = minutes, metric

    def _train(self, X: Any, labels: list[str]) -> Self:
        begun = time.perf_counter()
        metric = [] if self.metric is None else [f"training.metric={self.metric}"]
        recipe, self.training_, job_of = self._loaded(X, labels, metric)
        fields = ENCODERS.get(recipe.encoder["name"]).fields_for(X)
        given = [f"task={self._task}", *self.overrides, *metric, f"seed={recipe.seed}"]
        given += [f"encoder.{name}={json.dumps(value)}" for name, value in fields.items()]
        self.recipe_ = load_recipe(self.recipe, [*given, "data.split.validation=0", "baselines=[]"])
        everything, nobody = np.arange(len(self.training_)), np.zeros(0, dtype=np.int64)
        job = job_of(Split(everything, nobody, nobody, "no test part"))
        with tempfile.TemporaryDirectory() as folder:
            members, recipes, pool, self.result_ = search(
                job, self.recipe, given, Path(folder), begun, 60 * self.minutes, lambda _: None
            )
        self.members_ = []
        for each in members:
            if each.baseline:
                self.members_.append(each.baseline)
                continue
            chosen = recipes[each]
            strata = task_class(self._task).strata(self.training_)
            parts = random_split(strata, len(everything), 0, chosen.data.split.validation, None, chosen.seed)
            self.members_.append(trained(chosen, pool.job(chosen, parts.train, parts.validation, nobody)))
        self.task_ = job.task
        return self

    def _answer(self, X: Any) -> np.ndarray:
        check_is_fitted(self, "members_")
        records = self._records(X, ENCODERS.get(self.recipe_.encoder["name"]), reset=False)
        return np.mean([self._of(member, records) for member in self.members_], axis=0)

    def _of(self, member: Program | str, records: Records) -> np.ndarray:
        if isinstance(member, Program):
            return member.predict(records).values
        return baseline_on(member, self.recipe_, self.training_, records, "X")

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the columns of `_answer`."""
        return self.task_.names

    def save(self, folder: Path | str) -> None:
        """Write the program folder. Raises ValueError where something else than one program was chosen."""
        check_is_fitted(self, "members_")
        if len(self.members_) > 1 or not isinstance(self.members_[0], Program):
            raise ValueError(f"found {self.result_.chosen}; expected one program (`xmr auto` saves others)")
        self.members_[0].save(Path(folder))


class AutoClassifier(AutoEstimator, ProgramClassifier):
    """The program, baseline or mean of a few that classifies held-out records best; `result_` lists all that was tried.

    Args:
        recipe: what suits its data and task is tried (`table/custom`, `series/ucr`, `protein/custom`, a path).
        overrides: `section.key=value` texts, as on the command line.
        random_state: seed of folds, shuffling and initialization.
        minutes: time for trying; one program is tried in any case.
        metric: what to choose by, if not the task's main metric.
    """


class AutoRegressor(AutoEstimator, ProgramRegressor):
    """The program, baseline or mean of a few that predicts numbers of held-out records best.

    Args: as for `AutoClassifier`.
    """
