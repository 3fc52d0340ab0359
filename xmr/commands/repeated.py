"""A recipe that is run several times: for each seed, and for each fold of a cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from xmr.commands.verdict import verdict_of_means
from xmr.core.files import write_json
from xmr.core.output_folder import held
from xmr.metrics.base import headline
from xmr.metrics.seeds import summarize
from xmr.recipe.recipe import Recipe

WHOLE = "all"  # folder of the program that has learned from all records


def runs_of(recipe: Recipe, seeds: int = 1) -> dict[str, Recipe]:
    """The runs that a recipe asks for, by the folders they are written to; the recipe itself where there is one."""
    split = recipe.data.split
    folds = range(split.folds) if split.by == "cross_validation" else [None]
    runs: dict[str, Recipe] = {}
    for seed in range(recipe.seed, recipe.seed + seeds):
        for fold in folds:
            each = recipe.model_copy(update={"seed": seed}, deep=True)
            if fold is not None:
                each.data.split = split.model_copy(update={"by": "fold", "fold": fold})
            names = [f"seed-{seed}" if seeds > 1 else "", f"fold-{fold}" if fold is not None else ""]
            runs["-".join(filter(None, names))] = each
    return runs


def whole(recipe: Recipe) -> Recipe:
    """The recipe without a test part: its program learns from all records."""
    each = recipe.model_copy(deep=True)
    each.data.split = recipe.data.split.model_copy(update={"by": "none"})
    each.baselines = []
    return each


def write_summary(results: list[dict[str, Any]], folder: Path) -> tuple[str, dict[str, Any]]:
    """summary.json of the runs of several seeds -> the headline metric, and what was written."""
    summary = summarize(results)
    summary["verdict"] = verdict_of_means(results, summary)
    with held(folder):
        write_json(folder / "summary.json", summary)
    means = {name: row["mean"] for name, row in summary["rows"]["program"].items()}
    return headline(results[0]["metric"], means), summary


def run_all(
    recipe: Recipe, runs: dict[str, Recipe], folder: Path, once: Callable[[Recipe, str], dict[str, Any]], force: bool
) -> tuple[str, dict[str, Any]] | None:
    """Every run, that on all records behind a cross-validation, and their summary.json -> the headline metric, and what
    was written; None in the other processes of a run.

    runs: of `runs_of`; once: runs a recipe in a folder below `folder`, by its name -> metrics.
    """
    from xmr.commands.pooled import check_whole, pool

    check_whole(folder, recipe, force)  # before hours of training
    results = [once(each, name) for name, each in runs.items()]
    if not all(results):
        return None
    if recipe.data.split.by != "cross_validation":
        return write_summary(results, folder)
    return pool(recipe, runs, results, once(whole(recipe), WHOLE), folder)


def over(folds: int, seeds: int) -> str:
    """What a mean was taken over, in words."""
    return " and ".join([*([f"{folds} folds"] if folds else []), *([f"{seeds} seeds"] if seeds > 1 else [])])


def of_summary(summary: dict[str, Any], one: dict[str, Any]) -> dict[str, Any]:
    """summary.json of several runs in the form of metrics.json. one: that of one of them."""
    means = {name: {m: row["mean"] for m, row in rows.items()} for name, rows in summary["rows"].items()}
    rows: dict[str, dict[str, Any]] = summary.get("pooled") or means
    own = {name: row for name, row in rows.items() if name != "program"}
    before = "control: "
    return {
        **{name: one[name] for name in ("recipe", "task", "metric", "trainable_parameters")},
        **summary,
        "test": rows["program"],
        "test_interval": summary.get("interval", {}),
        "baselines": {name: row for name, row in own.items() if not name.startswith(before)},
        "controls": {name.removeprefix(before): row for name, row in own.items() if name.startswith(before)},
    }
