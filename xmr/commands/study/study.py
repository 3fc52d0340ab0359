"""`xmr study`: train every row of a study in every column, compare, and write the table.

Each run is a folder named after its recipe, so that an interrupted study resumes, and rows or columns that ask for the
same recipe share its runs. A choice is made before the test set is evaluated, by validation or by leave-one-out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from xmr.baselines.registry import BASELINES
from xmr.commands.study.pages import html, markdown
from xmr.commands.study.result import Cell, Kind, Result, ResultRow, as_json, cell, with_verdicts
from xmr.commands.study.settings import Choice, Study
from xmr.commands.workers.base import Engine, Run, Workers, outcome
from xmr.core.files import write_json, write_text
from xmr.core.output_folder import held
from xmr.errors import Problem, RecipeError
from xmr.metrics.base import is_defined
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe
from xmr.tasks.base import task_class

Log = Callable[[str], None]
Waiting = Callable[[], dict[str, Any]]
_SCORES = {"validation": "validation", "leave_one_out": "left_out"}  # rule -> where a run keeps its score


def study(
    settings: Study,
    folder: Path,
    command: str,
    engine: Engine | None = None,
    train: Run | None = None,
    validate: Run | None = None,
    measure: Run | None = None,
    search: Run | None = None,
    log: Log = lambda _: None,
) -> Result:
    """Run a study -> its result, also written to study.json, study.md and study.html after each cell.

    train, validate, measure, search: what runs a recipe, trains it without a test, scores it by leave-one-out, and lets
    `xmr auto` choose. All recipes are checked before the first run; a cell that fails is noted and the others continue.
    Raises RecipeError where every cell failed.
    """
    from xmr.commands.auto.auto import search_and_test
    from xmr.commands.run import run
    from xmr.commands.run import validate as train_without_test
    from xmr.commands.sweep.leave_one_out import measure as leave_one_out

    check_study(settings)
    table = _Table(settings, folder, command, search or search_and_test)
    with held(folder), (engine or Engine()).workers() as workers:
        scorers = {"leave_one_out": measure or leave_one_out, "validation": validate or train or train_without_test}
        for rule, scorer in scorers.items():
            table.choose(workers, scorer, rule, log)
        table.measure(workers, train or run, log)
    if not table.result.rows:
        raise RecipeError(f"study: every cell failed; the first: {next(iter(table.result.failures.values()))}")
    return table.result


def check_study(settings: Study) -> None:
    """Load every recipe that a study may run. Raises RecipeError for the first that is wrong."""
    _Table(settings, Path(), "").check()


@dataclass
class _Table:
    """A study while it runs. chosen: (row, column) -> the alternative taken; owner: baseline -> the row it is of."""

    settings: Study
    folder: Path
    command: str
    search: Run | None = None
    chosen: dict[tuple[str, str], str] = field(default_factory=dict)
    owner: dict[str, str] = field(default_factory=dict)
    started: dict[Path, Waiting] = field(default_factory=dict)  # by the workers of the moment
    result: Result = field(init=False)

    def __post_init__(self) -> None:
        about = self.settings
        self.result = Result(title=about.title, question=about.question, command=self.command, seeds=about.seeds)
        self.result.repeats = list(about.repeats)

    def check(self) -> None:
        """Load every recipe that may be run. Raises RecipeError for the first that is wrong."""
        for name, row in self.settings.rows.items():
            for column in self.settings.columns_of(name):
                for label, repeat in product(row.choose.among if row.choose else [""], self.settings.repeats or [""]):
                    recipe, _ = self.recipe(name, column, {**self._first_choices(), name: label}, repeat)
                    if metric := self.settings.columns[column].metric or self.settings.metric:
                        target = recipe.data.target
                        labels = [target] if isinstance(target, str) else target or []
                        task_class(recipe.task).check_metric(metric, labels, f"{name}, {column}: metric")
                    if row.choose:
                        _check_choice(row.choose, recipe, f"{name}, {column}")

    def _first_choices(self) -> dict[str, str]:
        return {name: next(iter(row.choose.among)) for name, row in self.settings.rows.items() if row.choose}

    def recipe(self, row: str, column: str, chosen: dict[str, str], repeat: str = "") -> tuple[Recipe, str]:
        """The recipe of a cell, and the words it was made from."""
        overrides = self.settings.overrides_of(row, column, chosen) + self.settings.repeats.get(repeat, [])
        overrides.append(f"baselines=[{', '.join(self.settings.rows[row].baselines)}]")
        name = self.settings.columns[column].recipe or self.settings.recipe
        return load_recipe(name, overrides), " ".join([name, *overrides])

    def start(
        self, workers: Workers, train: Run, row: str, column: str, chosen: dict[str, str], seeds: int
    ) -> list[Waiting]:
        """Begin the runs of a cell, one per repeat and seed; a run that another cell has begun is shared.

        train: what runs a recipe where `xmr auto` does not search.
        """
        cell_runs = []
        for repeat in self.settings.repeats or [""]:
            recipe, words = self.recipe(row, column, chosen, repeat)
            minutes = self.settings.rows[row].auto
            digest = hashlib.sha256(dump_recipe(recipe).encode()).hexdigest()[:10]
            named = recipe.source["name"] if minutes is None else f"auto-{minutes:g}-minutes"
            chosen_run = partial(self.search, minutes=minutes) if self.search and minutes else train
            for seed in range(seeds):
                folder = self.folder / f"{named}-{digest}" / f"seed-{seed}"
                if folder not in self.started:
                    seeded = recipe.model_copy(update={"seed": seed}, deep=True)
                    self.started[folder] = workers.start(chosen_run, seeded, folder, f"{words} seed={seed}")
                cell_runs.append(self.started[folder])
        return cell_runs

    def choose(self, workers: Workers, scorer: Run, rule: str, log: Log) -> None:
        """Score the alternatives of the rows with this rule, and take the best of each row and column."""
        self.started.clear()
        started: dict[tuple[str, str], dict[str, list[Waiting]]] = {}
        for row, settings in self.settings.rows.items():
            if settings.choose and settings.choose.rule == rule:
                for column in self.settings.columns_of(row):
                    started[row, column] = {
                        label: self.start(
                            workers, scorer, row, column, self._taken(column) | {row: label}, settings.choose.seeds
                        )
                        for label in settings.choose.among
                    }
        for (row, column), alternatives in started.items():
            scores: dict[str, float] = {}
            for label, runs in alternatives.items():
                results = outcome(runs)
                if isinstance(results, str):
                    self.result.failures[f"{row}, {column}, {label}"] = results
                elif all(is_defined(each[_SCORES[rule]]) for each in results):
                    scores[label] = float(np.mean([each[_SCORES[rule]] for each in results]))
            if scores:
                self.chosen[row, column] = max(scores, key=lambda label: scores[label])
                listed = ", ".join(f"{label} {score:.4f}" for label, score in scores.items())
                log(f"{row}, {column}: chose {self.chosen[row, column]} ({rule}: {listed})")

    def _taken(self, column: str) -> dict[str, str]:
        """What the rows take in a column: row -> alternative, the first where nothing is chosen yet."""
        return self._first_choices() | {row: label for (row, where), label in self.chosen.items() if where == column}

    def measure(self, workers: Workers, train: Run, log: Log) -> None:
        """Train every cell, and write the table after each."""
        self.started.clear()
        started = {
            (row, column): self.start(workers, train, row, column, self._taken(column), self.settings.seeds)
            for row in self.settings.rows
            for column in self.settings.columns_of(row)
            if not self._undecided(row, column)
        }
        for number, ((row, column), runs) in enumerate(started.items(), start=1):
            results = outcome(runs)
            failed = isinstance(results, str)
            log(f"{number} of {len(started)}: {row}, {column}{f' failed: {results}' if failed else ''}")
            if isinstance(results, str):
                self.result.failures[f"{row}, {column}"] = results
            else:
                self._add(row, column, results)
                self._write()

    def _undecided(self, row: str, column: str) -> bool:
        """Whether a row, or the one it is like, could not choose an alternative here."""
        settings = self.settings.rows[row]
        missing = settings.choose is not None and (row, column) not in self.chosen
        return missing or (settings.like is not None and self._undecided(settings.like, column))

    def _add(self, row: str, column: str, results: list[dict[str, Any]]) -> None:
        """Put the values of a cell's runs, and of their baselines, into the result."""
        settings, metric = self.settings.rows[row], self.settings.columns[column].metric or self.settings.metric
        metric = self.result.columns.setdefault(column, metric or results[0]["metric"])
        if not settings.baselines_only:
            choice = self.chosen.get((row, column)) or "; ".join(
                dict.fromkeys(each.get("chosen", "") for each in results)
            )
            self._put(row, settings.kind, column, [each["test"] for each in results], choice or None)
        for baseline in settings.baselines:
            name = baseline if self.owner.setdefault(baseline, row) == row else f"{baseline} ({row})"
            found = [_of_baseline(each, baseline, metric) for each in results if baseline in each["baselines"]]
            if len(found) == len(results):
                self._put(name, "control" if BASELINES.is_control(baseline) else "baseline", column, found)
            for each in results:
                if baseline in each["failed_baselines"]:
                    self.result.failures[f"{name}, {column}"] = each["failed_baselines"][baseline]
        shared = self.settings.metric or next(iter(self.result.columns.values()))
        if self.settings.mean:
            self.result.mean_of = [name for name, shown in self.result.columns.items() if shown == shared]

    def _put(
        self, name: str, kind: Kind, column: str, metrics: list[dict[str, float | None]], choice: str | None = None
    ) -> None:
        """One cell; a metric that a run does not have is a failure of the cell."""
        metric = self.result.columns[column]
        values = [float("nan") if each.get(metric) is None else float(each[metric] or 0.0) for each in metrics]
        errors = [each["standard_error"] or 0.0 for each in metrics if "standard_error" in each]
        found = cell(values, self._reference(column), choice, float(np.mean(errors)) if errors else None)
        if found is None:
            self.result.failures[f"{name}, {column}"] = f"{metric} is not defined for every seed"
        else:
            self.result.rows.setdefault(name, ResultRow(kind=kind, cells={})).cells[column] = found

    def _reference(self, column: str) -> Cell | None:
        """The first row's cell."""
        first = self.result.rows.get(next(iter(self.settings.rows)))
        return first.cells.get(column) if first else None

    def _write(self) -> None:
        """study.json, study.md and study.html."""
        with_verdicts(self.result)
        write_json(self.folder / "study.json", as_json(self.result))
        write_text(self.folder / "study.md", markdown(self.result))
        write_text(self.folder / "study.html", html(self.result))


def _of_baseline(run: dict[str, Any], name: str, metric: str) -> dict[str, float | None]:
    """The metrics of a run's baseline; the standard error only where it is that of the metric shown."""
    found: dict[str, float | None] = run["baselines"][name]
    return found if run["metric"] == metric else {key: each for key, each in found.items() if key != "standard_error"}


def _check_choice(choice: Choice, recipe: Recipe, place: str) -> None:
    """Raises RecipeError where a recipe has nothing to choose by."""
    split = recipe.data.split
    from xmr.training.observe import SOLVED, is_solved

    if choice.rule == "leave_one_out" and not is_solved(recipe.output):
        problem = Problem(f"{place}: output.name", repr(recipe.output["name"]), f"{SOLVED}, which leave_one_out needs")
        raise RecipeError(problem)
    if choice.rule == "validation" and not split.validation and split.by != "predefined":
        raise RecipeError(Problem(f"{place}: data.split.validation", "0", "a validation part, which the choice needs"))
