"""A recipe, its controls and its baselines on the same splits, at several training-set sizes.

Each run is a folder named after its recipe, so that an interrupted comparison resumes, and one with more sizes or seeds
trains only what is new.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xmr.baselines.registry import BASELINES
from xmr.commands.compare.pages import write_comparison
from xmr.commands.compare.result import PROGRAM, Comparison, cells_of
from xmr.commands.controls import controls
from xmr.commands.workers.base import Engine, Run, outcome
from xmr.core.output_folder import held
from xmr.core.registry import SOURCES
from xmr.errors import Problem, RecipeError, one_of
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe, case_of


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is compared. train_sizes: numbers of labelled training records, or "all"; skip: controls and baselines not
    to run; engine: where; train: what runs a recipe."""

    overrides: list[str] = field(default_factory=list)
    train_sizes: list[str] = field(default_factory=lambda: ["all"])
    seeds: int = 5
    skip: tuple[str, ...] = ()
    engine: Engine = field(default_factory=Engine)
    train: Run | None = None


@dataclass(frozen=True)
class Planned:
    """A row at one training-set size before it is run: its overrides, and the recipe they make."""

    row: str
    train_size: str
    overrides: tuple[str, ...]
    recipe: Recipe

    @property
    def title(self) -> str:
        """The row and its size, for messages."""
        return f"{self.row}, {self.train_size} labels"

    @property
    def folder(self) -> str:
        """A folder name from what a row is made of: another recipe is another folder."""
        unseeded = self.recipe.model_copy(update={"seed": 0}, deep=True)
        digest = hashlib.sha256(dump_recipe(unseeded).encode()).hexdigest()[:8]
        return f"{self.row.replace(' ', '-')}-{self.train_size}-{digest}"


def compare(name: str, folder: Path, settings: Settings, log: Callable[[str], None] = lambda _: None) -> Comparison:
    """Run every row at every size, writing compare.csv, .json and .html after each -> the comparison.

    All recipes are checked before the first is run; a row that fails is noted and the others continue. Raises
    RecipeError for unknown names and sizes, and where every row failed.
    """
    from xmr.commands.run import run

    plan = planned(name, settings)
    comparison = Comparison("", [], [])
    train = settings.train or run
    with held(folder), settings.engine.workers() as workers:
        runs = [
            workers.start_seeds(
                train, each.recipe, folder / each.folder, settings.seeds, " ".join([name, *each.overrides])
            )
            for each in plan
        ]
        for number, (each, seeded) in enumerate(zip(plan, runs), start=1):
            log(f"{number} of {len(plan)}: {_collect(comparison, each, outcome(seeded))}")
            if comparison.cells:
                write_comparison(folder, name, comparison)
    if not comparison.cells:
        row, why = comparison.failures[0]
        raise RecipeError(f"compare: every row failed, the first ({row}): {why}")
    return comparison


def _collect(comparison: Comparison, planned: Planned, results: list[dict[str, Any]] | str) -> str:
    """Put the runs of a row, or why they failed, into the comparison -> one line about them."""
    if isinstance(results, str):
        comparison.failures.append((planned.title, results))
        return f"{planned.title} failed: {results}"
    comparison.metric = results[0]["metric"]
    failed = {name: why for result in results for name, why in result.get("failed_baselines", {}).items()}
    comparison.failures += [(f"{name}, {planned.train_size} labels", why) for name, why in failed.items()]
    cells = cells_of(planned.row, planned.train_size, results)
    comparison.cells += cells
    return f"{planned.title}: {comparison.metric} {cells[0].mean:.3f} ± {cells[0].std:.3f}"


def planned(name: str, settings: Settings) -> list[Planned]:
    """Every row to train, size by size. Raises RecipeError for unknown names and sizes."""
    plain = load_recipe(name, settings.overrides)
    rows = controls(plain)
    known = [*rows, *compared_baselines(plain)]
    problems = [one_of("--skip", row, known) for row in settings.skip if row not in known]
    if problems:
        raise RecipeError(problems)
    rows = {PROGRAM: [], **{row: more for row, more in rows.items() if row not in settings.skip}}
    baselines = ", ".join(each for each in compared_baselines(plain) if each not in settings.skip)
    plan = []
    for size in settings.train_sizes:
        for row, more in rows.items():
            run_with = f"baselines=[{baselines if row == PROGRAM else ''}]"
            overrides = (*settings.overrides, size_override(size), *more, run_with)
            plan.append(Planned(row, size, overrides, load_recipe(name, list(overrides))))
    return plan


def compared_baselines(recipe: Recipe) -> list[str]:
    """The recipe's baselines and those that every comparison has; a control as source excludes those that use it."""
    is_control = SOURCES.get(recipe.source["name"]).is_control
    more = [
        baseline.name
        for baseline in BASELINES.suiting(case_of(recipe)).values()
        if baseline.in_compare and not (baseline.uses_source and is_control)
    ]
    return list(dict.fromkeys([*recipe.baselines, *more]))


def size_override(size: str) -> str:
    """How a training-set size is asked for. Raises RecipeError for anything but a number or `all`."""
    if size == "all":
        return "data.split.n_labelled=null"
    if not size.isdigit() or int(size) < 2:
        raise RecipeError(Problem("--train-sizes", repr(size), "numbers of labels of at least 2, or all"))
    return f"data.split.n_labelled={size}"
