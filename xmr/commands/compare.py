"""Reprogramming beside what one would do otherwise, at several numbers of labels: table, curves and a plain verdict.

A row is the recipe, one of its controls, or one of its baselines; the splits of a seed and a budget are the same for
all. Each run is a folder named after what it is made of, so a comparison that was stopped goes on, and one that is
asked for again with more budgets or seeds runs only what is new.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from xmr.baselines.registry import BASELINES
from xmr.commands.workers import Run, Workers, outcome
from xmr.core.component import create, section_model
from xmr.core.files import finite, write_csv, write_json, write_text
from xmr.core.output_folder import held
from xmr.core.registry import ENCODERS, SOURCES
from xmr.errors import Problem, RecipeError, one_of, visible
from xmr.metrics.metrics import higher_is_better
from xmr.metrics.seeds import paired_p
from xmr.recipe.load import dump_recipe, load_recipe
from xmr.recipe.recipe import Recipe, case_of

PROGRAM = "program"
SURE = 0.05  # a p below this is called a difference


@dataclass(frozen=True)
class Cell:
    """A row at one budget. values: the main metric of each seed; facts: means over the seeds of what it cost."""

    row: str
    kind: str  # program, control or baseline
    budget: str
    values: tuple[float, ...]
    facts: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.values))

    @property
    def spread(self) -> float:
        """Standard deviation over the seeds."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0


@dataclass(frozen=True)
class Planned:
    """A row at one budget before it is run: what is overridden, and the recipe that makes."""

    row: str
    budget: str
    asked: tuple[str, ...]
    recipe: Recipe


@dataclass
class Comparison:
    """Every cell, what failed and why, and a sentence a budget."""

    metric: str
    cells: list[Cell]
    failures: list[tuple[str, str]]

    def at(self, budget: str) -> list[Cell]:
        """The cells of a budget: the program first, then by how good they are."""
        sign = -1 if higher_is_better(self.metric) else 1
        found = [cell for cell in self.cells if cell.budget == budget]
        return sorted(found, key=lambda cell: (cell.kind != PROGRAM, sign * cell.mean))

    def budgets(self) -> list[str]:
        """Budgets in the order asked for."""
        return list(dict.fromkeys(cell.budget for cell in self.cells))

    def paired(self, one: Cell, other: Cell) -> float:
        """Two-sided p of a paired t-test over the seeds; NaN where it is not defined."""
        return paired_p(one.values, other.values)

    def verdict(self, budget: str) -> str:
        """Who is best among the program and the baselines, and how sure that is. Controls are no alternatives."""
        cells = self.at(budget)
        mine = next((cell for cell in cells if cell.kind == PROGRAM), None)
        others = [cell for cell in cells if cell.kind == "baseline"]
        labels = "with all labels" if budget == "all" else f"with {budget} labels"
        if mine is None:
            return f"{labels}: the program has no result"
        if not others:
            return f"{labels}: {self.metric} {mine.mean:.3f}, beside no baseline"
        best = others[0]
        p = self.paired(mine, best)
        said = f"{self.metric} {mine.mean:.3f} against {best.mean:.3f} of {best.row}"
        ahead = (mine.mean > best.mean) == higher_is_better(self.metric) and mine.mean != best.mean
        if not np.isfinite(p):
            return f"{labels}: {said}; one seed says nothing about chance (--seeds 5)"
        if p >= SURE:
            return f"{labels}: no difference to {best.row} was found ({said}, p = {p:.2g})"
        if ahead:
            return f"{labels}: reprogramming is better than every baseline ({said}, p = {p:.2g})"
        return f"{labels}: use {best.row} here ({said}, p = {p:.2g})"


def controls(recipe: Recipe) -> dict[str, list[str]]:
    """The controls a recipe can have: name -> overrides."""
    found: dict[str, list[str]] = {}
    if "weights" in recipe.source and recipe.source.get("weights") != "random":
        found["random source"] = ["source.weights=random"]
    control = create(SOURCES, recipe.source).without_network()
    if control is not None:
        found["no source"] = [f"source={json.dumps(control)}"]
    orders = "shuffle" in section_model(ENCODERS.get(recipe.encoder["name"])).model_fields
    if orders and recipe.task != "sequence_labeling":  # labels of residues would not follow
        found["shuffled positions"] = ["encoder.shuffle=positions"]
    if recipe.task != "forecasting":
        found["shuffled labels"] = ["data.shuffle_labels=true"]
    return found


def beside(recipe: Recipe, leave_out: tuple[str, ...] = ()) -> list[str]:
    """The recipe's baselines; a network from scratch and descriptors of the domain; and what else can be done with its
    source: probe, LoRA, fine-tuning, attention layer."""
    is_control = SOURCES.get(recipe.source["name"]).is_control  # type: ignore[attr-defined]
    more = [
        baseline.name
        for baseline in BASELINES.suiting(case_of(recipe)).values()
        if baseline.in_compare and not (baseline.uses_source and is_control)
    ]
    return [name for name in dict.fromkeys([*recipe.baselines, *more]) if name not in leave_out]


def budget_overrides(budget: str) -> list[str]:
    """How a number of labels is asked for. Raises RecipeError for what is no number."""
    if budget == "all":
        return ["data.split.labels=null"]
    if not budget.isdigit() or int(budget) < 2:
        raise RecipeError(Problem("--budgets", repr(budget), "numbers of labels of at least 2, or all"))
    return [f"data.split.labels={budget}"]


def compare(
    name: str,
    overrides: list[str],
    folder: Path,
    budgets: list[str],
    seeds: int = 5,
    leave_out: tuple[str, ...] = (),
    train: Run | None = None,
    log: Callable[[str], None] = lambda _: None,
    jobs: int = 1,
) -> Comparison:
    """Run every row at every budget, writing compare.csv, .json and .html after each -> the comparison.

    leave_out: controls and baselines not to run. jobs: how many runs at a time. All recipes are
    checked before the first is run; a row that fails is noted and the others go on.
    """
    from xmr.commands.run import run

    plan = planned(name, overrides, budgets, leave_out)
    comparison = Comparison("", [], [])
    with held(folder), Workers(jobs, train or run) as workers:
        runs = [
            workers.start_seeds(each.recipe, folder / folder_of(each), seeds, " ".join([name, *each.asked]))
            for each in plan
        ]
        for number, (each, seeded) in enumerate(zip(plan, runs), start=1):
            said = f"{number} of {len(plan)}: {each.row}, {each.budget} labels"
            results = outcome(seeded)
            if isinstance(results, str):
                comparison.failures.append((f"{each.row}, {each.budget} labels", results))
                log(f"{said} failed: {results}")
                continue
            comparison.metric = results[0]["metric"]
            failed = {name: why for result in results for name, why in result.get("failed_baselines", {}).items()}
            comparison.failures += [(f"{name}, {each.budget} labels", why) for name, why in failed.items()]
            made = cells_of(each.row, each.budget, results)
            comparison.cells += made
            log(f"{said}: {comparison.metric} {made[0].mean:.3f} ± {made[0].spread:.3f}")
            write_comparison(folder, name, comparison)
    if not comparison.cells:
        raise RecipeError(
            f"compare: every row failed, the first ({comparison.failures[0][0]}): {comparison.failures[0][1]}"
        )
    return comparison


def planned(name: str, overrides: list[str], budgets: list[str], leave_out: tuple[str, ...]) -> list[Planned]:
    """What is to be trained, all rows of a budget together. Raises RecipeError for names and budgets there are not."""
    plain = load_recipe(name, overrides)
    known = [*controls(plain), *beside(plain)]
    problems = [one_of("--without", row, known) for row in leave_out if row not in known]
    if problems:
        raise RecipeError(problems)
    rows = {PROGRAM: [], **{row: more for row, more in controls(plain).items() if row not in leave_out}}
    plan = []
    for budget in budgets:
        for row, more in rows.items():
            others = ", ".join(beside(plain, leave_out)) if row == PROGRAM else ""
            asked = (*overrides, *budget_overrides(budget), *more, f"baselines=[{others}]")
            plan.append(Planned(row, budget, asked, load_recipe(name, list(asked))))
    return plan


def folder_of(planned: Planned) -> str:
    """A folder name from what a row is made of: another recipe is another folder."""
    unseeded = planned.recipe.model_copy(update={"seed": 0}, deep=True)
    digest = hashlib.sha256(dump_recipe(unseeded).encode()).hexdigest()[:8]
    return f"{planned.row.replace(' ', '-')}-{planned.budget}-{digest}"


def cells_of(row: str, budget: str, results: list[dict[str, Any]]) -> list[Cell]:
    """The cell of a row over its seeds, and those of the baselines that ran beside it."""
    metric = results[0]["metric"]

    def mean(path: Callable[[dict[str, Any]], float]) -> float:
        """Of one fact over the seeds."""
        return float(np.mean([path(result) for result in results]))

    facts = {
        "trainable parameters": mean(lambda r: r["trainable_parameters"]),
        "program KiB": mean(lambda r: r["program_bytes"] / 1024),
        "training seconds": mean(lambda r: r["seconds"]["train"]),
        "predicted a second": mean(lambda r: r["n_test"] / max(r["seconds"]["test"], 1e-9)),
        "peak memory MiB": mean(lambda r: r.get("peak_memory_mib", float("nan"))),
    }
    made = [
        Cell(
            row, PROGRAM if row == PROGRAM else "control", budget, _values(results, lambda r: r["test"][metric]), facts
        )
    ]
    for name in results[0]["baselines"]:
        if all(name in result["baselines"] for result in results):
            values = _values(results, lambda r: r["baselines"][name][metric])  # noqa: B023
            cost = {
                "training seconds": mean(lambda r: r["baselines"][name].get("seconds", float("nan"))),  # noqa: B023
                "peak memory MiB": mean(lambda r: r["baselines"][name].get("peak_memory_mib", float("nan"))),  # noqa: B023
            }
            made.append(Cell(name, "control" if BASELINES.is_control(name) else "baseline", budget, values, cost))
    return made


def _values(results: list[dict[str, Any]], pick: Callable[[dict[str, Any]], float | None]) -> tuple[float, ...]:
    found = [pick(result) for result in results]
    return tuple(float("nan") if value is None else float(value) for value in found)


_FACTS = ("trainable parameters", "program KiB", "training seconds", "predicted a second", "peak memory MiB")
_STYLE = "body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem}td,th{padding:.2rem .7rem;text-align:right}"
_LEFT = "td:first-child,th:first-child{text-align:left}"


def write_comparison(folder: Path, name: str, comparison: Comparison) -> None:
    """compare.csv (a line a row and budget), compare.json (every value), compare.html (verdicts, curves, tables)."""
    from xmr.report import plots

    lines, tables = [], []
    for budget in comparison.budgets():
        mine = next((cell for cell in comparison.at(budget) if cell.kind == PROGRAM), None)
        rows = []
        for cell in comparison.at(budget):
            p = comparison.paired(mine, cell) if mine is not None and cell is not mine else float("nan")
            facts = [cell.facts.get(fact, float("nan")) for fact in _FACTS]
            lines.append([budget, cell.row, cell.kind, cell.mean, cell.spread, len(cell.values), p, *facts])
            shown = [f"{cell.mean:.3f} ± {cell.spread:.3f}", f"{p:.2g}" if np.isfinite(p) else ""]
            shown += [f"{fact:,.0f}" if np.isfinite(fact) else "" for fact in facts]
            rows.append(
                "<tr>" + "".join(f"<td>{escape(text)}</td>" for text in (cell.row, cell.kind, *shown)) + "</tr>"
            )
        head = "".join(f"<th>{escape(text)}</th>" for text in ("", "", comparison.metric, "paired p", *_FACTS))
        tables.append(f"<h2>{escape(budget)} labels</h2><table><tr>{head}</tr>{''.join(rows)}</table>")
    header = ["budget", "row", "kind", "mean", "sd", "seeds", "paired_p", *(fact.replace(" ", "_") for fact in _FACTS)]
    write_csv(folder / "compare.csv", header, lines)
    verdicts = [comparison.verdict(budget) for budget in comparison.budgets()]
    whole = {
        "recipe": name,
        "metric": comparison.metric,
        "verdicts": verdicts,
        "failures": comparison.failures,
        "cells": [
            {"row": c.row, "kind": c.kind, "budget": c.budget, "values": list(c.values), **c.facts}
            for c in comparison.cells
        ],
    }
    write_json(folder / "compare.json", finite(whole))
    curves = {
        row: [(cell.budget, cell.mean, cell.spread) for cell in comparison.cells if cell.row == row]
        for row in dict.fromkeys(cell.row for cell in comparison.cells)
    }
    kinds = {cell.row: cell.kind for cell in comparison.cells}
    picture = plots.svg(plots.budgets(curves, kinds, comparison.metric), 7.5, 4.5)
    failed = "".join(f"<li>{escape(row)}: {escape(why)}</li>" for row, why in comparison.failures)
    write_text(
        folder / "compare.html",
        visible(
            f"<!doctype html><meta charset=utf-8><title>{escape(name)}</title><style>{_STYLE}{_LEFT}</style>"
            f"<h1>{escape(name)}</h1><ul>{''.join(f'<li>{escape(text)}</li>' for text in verdicts)}</ul>{picture}"
            f"{''.join(tables)}{f'<h2>What failed</h2><ul>{failed}</ul>' if failed else ''}"
        ),
    )
