"""The end of `xmr auto`: what was chosen is fitted on all training records, tested once, and saved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from xmr.baselines.registry import run_baseline
from xmr.commands.auto.candidates import Candidate
from xmr.commands.auto.held_out import Pool
from xmr.commands.auto.result import CONTROLS, Result
from xmr.commands.auto.saved import PROGRAM, RECIPE, save
from xmr.commands.auto.search import Log, slug
from xmr.commands.run import run
from xmr.commands.run_baselines import baseline_input
from xmr.core.component import create
from xmr.core.files import write_text
from xmr.core.prediction import Prediction
from xmr.core.registry import SOURCES
from xmr.errors import OutputError, XmrError, reason
from xmr.job import Job, load_job
from xmr.metrics.intervals import resamples
from xmr.program import Program
from xmr.recipe.load import dump_recipe
from xmr.recipe.recipe import Recipe
from xmr.training.loop import train

DRAWS = 1000


@dataclass
class Final:
    """What was chosen, and what it is compared with on the test part: the best program and the best baseline.

    members: what was chosen; recipes: of all candidates; job: of the recipe, whose test part is used; also: baselines
    that are tested whatever was chosen; serve: otherwise nothing is saved that predicts, and no control is run.
    programs, baselines: what each predicts of the test part, (rows, K).
    """

    members: list[Candidate]
    recipes: dict[Candidate, Recipe]
    pool: Pool
    job: Job
    folder: Path
    result: Result
    also: Sequence[str]
    serve: bool
    log: Log
    programs: dict[Candidate, np.ndarray] = field(default_factory=dict)
    baselines: dict[str, np.ndarray] = field(default_factory=dict)

    def fit(self) -> None:
        """Fit, test, and save. Raises XmrError where no program can be fitted."""
        write_text(self.folder / RECIPE, dump_recipe(self.job.recipe))
        members, named = self.members, {each.name: each for each in self.recipes}
        main = next((each for each in members if not each.baseline), None)  # that whose run folder is written
        if main is None and self.serve:  # also where none was tried for want of time: it says how records are read
            tried = self.result.best("program")
            main = named[tried.name] if tried else next(each for each in self.recipes if not each.baseline)
        for each in dict.fromkeys([main, *members]):
            if each is not None and not each.baseline:
                self._fit_program(each, main)
        tried = self.result.best("baseline")
        best_baseline = named[tried.name].baseline if tried else ""
        for name in sorted({best_baseline, *(each.baseline for each in members), *self.also} - {""}):
            self._fit_baseline(name)
        parts = [self.baselines[each.baseline] if each.baseline else self.programs[each] for each in members]
        self._compare(np.mean(parts, axis=0), self.programs.get(main) if main else None, best_baseline)
        saved_as = {each: each.baseline or f"program:{slug(each.name)}" for each in members}
        self.result.members = tuple("program" if each is main else saved_as[each] for each in members)
        if self.serve:
            if main in members:
                self._ablate(self.recipes[main])
            save(self.folder, self.result.members, self.pool.records, self.pool.validation)

    def _fit_program(self, each: Candidate, main: Candidate | None) -> None:
        """Also save it, if asked for: the main one with a report, others without."""
        self.log(f"fitting {each.name} on all training records")
        recipe, test = self.recipes[each], self.job.records["test"]
        if not (self.serve and each is main):
            program = self._trained(recipe)
            self.programs[each] = program.predict(test).values
            if self.serve:
                program.save(self.folder / "members" / slug(each.name))
            return
        kept: list[Prediction] = []
        run(recipe, self.folder / PROGRAM, force=True, comment=each.name, log=self.log, tested=kept.append)
        if kept[0].ids != test.ids:
            other = "other test records than the baselines'; set data.split.validation=0"
            raise OutputError(f"{self.folder / PROGRAM}: {other}")
        self.programs[each] = kept[0].values

    def _fit_baseline(self, name: str) -> None:
        self.log(f"fitting {name} on all training records")
        try:
            self.baselines[name] = run_baseline(name, baseline_input(self._refit(self.job.recipe)))
        except Exception as error:  # of another library, on purpose not fatal
            if name not in self.also:
                raise
            self.result.failed_baselines[name] = reason(error)

    def _refit(self, recipe: Recipe) -> Job:
        """A recipe on all training records and the test part, which are not read again."""
        records, test = self.pool.records, self.job.records["test"]
        whole = replace(self.pool, records=type(records).join([records, test]))
        return whole.job(recipe, *self.pool.parts, np.arange(len(records), len(records) + len(test)))

    def _trained(self, recipe: Recipe) -> Program:
        """A recipe's program as `xmr run` would train it, without a run folder."""
        job = load_job(recipe) if recipe.training.epochs else self._refit(recipe)
        job.program.columns = self.job.program.columns
        validation = job.sets["validation"] if len(job.sets["validation"]) else None
        with TemporaryDirectory() as folder:
            train(job.program, job.sets["train"], validation, recipe.training, recipe.seed, Path(folder))
        return job.program

    def _compare(self, chosen: np.ndarray, program: np.ndarray | None, best_baseline: str) -> None:
        """Every metric of what was chosen and of the baselines, and the differences between them."""
        task, result = self.pool.task, self.result
        target, lengths = task.encode(self.job.records["test"]), task.lengths(self.job.sets["test"].data)

        def metrics(values: np.ndarray) -> dict[str, float]:
            """Of predictions of the test part, (rows, K)."""
            return task.metrics(values, target, lengths)

        result.test_metrics = metrics(chosen)
        ours = self._resampled(chosen, target, lengths)
        for name in sorted(self.baselines):
            found = metrics(self.baselines[name])
            better = ours - self._resampled(self.baselines[name], target, lengths)
            result.baselines[name] = {**found, **({"standard_error": float(np.nanstd(better))} if len(better) else {})}
            if name == best_baseline:
                low, high = np.nanpercentile(better, [2.5, 97.5]) if len(better) else (np.nan, np.nan)
                result.difference = task.score(result.test_metrics) - task.score(found), float(low), float(high)
        rows = {"chosen": chosen, "best program": program, "best baseline": self.baselines.get(best_baseline)}
        result.test = {row: metrics(values)[result.metric] for row, values in rows.items() if values is not None}

    def _resampled(self, values: np.ndarray, target: torch.Tensor, lengths: np.ndarray | None) -> np.ndarray:
        """The score on bootstrap samples of the test records, the same for every predictor: (draws,); none of records
        that are not independent.
        """
        task = self.pool.task
        samples = resamples(len(values), lengths, DRAWS) if task.independent else ()
        return np.array(
            [task.score(task.metrics(values[rows], target[torch.from_numpy(rows)], counts)) for rows, counts in samples]
        )

    def _ablate(self, recipe: Recipe) -> None:
        """The chosen program with random weights and without a source, on the test part."""
        without = create(SOURCES, recipe.source).without_network()
        sections = (None if "weights" not in recipe.source else {**recipe.source, "weights": "random"}, without)
        for name, section in zip(CONTROLS, sections):
            if section is None:
                continue
            try:
                program = self._trained(recipe.model_copy(update={"source": section}))
                found = program.predict(self.job.records["test"])
            except XmrError as error:
                self.log(f"control {name} failed: {reason(error)}")
                continue
            target = program.task.encode(self.job.records["test"])
            self.result.test[name] = program.task.metrics(found.values, target, found.lengths)[self.result.metric]
