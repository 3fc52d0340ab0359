"""A recipe that is run several times: for each seed, and for each fold of a cross-validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xmr.commands.verdict import verdict_of_means
from xmr.core.files import write_json
from xmr.core.output_folder import held
from xmr.metrics.base import headline
from xmr.metrics.seeds import corrected_interval, summarize
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
            runs["/".join(filter(None, names))] = each
    return runs


def whole(recipe: Recipe) -> Recipe:
    """The recipe without a test part: its program learns from all records."""
    each = recipe.model_copy(deep=True)
    each.data.split = recipe.data.split.model_copy(update={"by": "none"})
    each.baselines = []
    return each


def write_summary(results: list[dict[str, Any]], folder: Path, folds: int = 0) -> tuple[str, dict[str, Any]]:
    """summary.json of the runs of several seeds or folds -> the headline metric, and what was written.

    folds: of a cross-validation; then also the interval of each metric, and the test records of all folds by class.
    """
    summary = summarize(results)
    if folds:
        summary["paired"] = {}  # folds share training records, so a paired t-test over them would be too sure
        rows = summary["rows"]["program"].items()
        summary["interval"] = {name: corrected_interval(row["values"], folds) for name, row in rows}
        counts = [result.get("test_counts") or {} for result in results[:folds]]
        names = dict.fromkeys(name for each in counts for name in each)
        summary["test_counts"] = {name: sum(each.get(name, 0) for each in counts) for name in names}
    summary["verdict"] = verdict_of_means(results, summary)
    with held(folder):
        write_json(folder / "summary.json", summary)
    means = {name: row["mean"] for name, row in summary["rows"]["program"].items()}
    return headline(results[0]["metric"], means), summary
