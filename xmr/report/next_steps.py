"""What to do next: commands that follow from the figures of a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from xmr.metrics.base import headline, is_defined
from xmr.metrics.registry import higher_is_better

SMALL = 300  # records below which one test part says little


def next_steps(result: dict[str, Any], folder: Path) -> list[tuple[str, str]]:
    """Reason and command, the most urgent first. result: metrics.json; folder: of the run."""
    recipe, place = shlex.quote(str(folder / "recipe.yaml")), shlex.quote(str(folder))
    metric = headline(result["metric"], result["test"])
    sign, mine = 1 if higher_is_better(metric) else -1, result["test"][metric]
    chance, interval = (result.get("chance") or {}).get(metric), result["test_interval"].get(metric)
    better = [
        n for n, row in result["baselines"].items() if is_defined(row.get(metric)) and sign * (row[metric] - mine) > 0
    ]
    few = sum(result[part] for part in ("n_train", "n_validation", "n_test")) < SMALL
    at_chance = chance is not None and interval is not None and interval[0] <= chance <= interval[1]
    steps = []
    if (result.get("leaks") or {}).get("alarms"):
        steps.append(("a fact of the files tells the label: repair the data, then check again", f"xmr check {recipe}"))
    if better:
        steps.append(
            (f"{', '.join(better)} did better: find out whether that is chance", f"xmr compare {recipe} --seeds 5")
        )
    if at_chance:
        steps.append(("the interval includes chance: another source may suit the data", f"xmr scan {recipe}"))
    if result["best_epoch"] == result["epochs_run"] and result["n_validation"] and result["epochs_run"] > 1:
        more = f"xmr run {recipe} training.epochs={2 * result['epochs_run']} -o {place}-longer"
        steps.append(("the last epoch was the best: train longer", more))
    if few and "fold" not in result["split"]:
        folds = f"xmr run {recipe} data.split.by=cross_validation -o {place}-folds"
        steps.append(("few records: test every one of them once", folds))
    if "controls" not in result:
        steps.append(("see what the source contributes", f"xmr run {recipe} -o {place} --resume --controls"))
    if not better and not at_chance:
        steps.append(("see how few labels are enough", f"xmr compare {recipe} --train-sizes 50,200,all"))
    steps.append(("know the standard deviation over seeds", f"xmr run {recipe} --seeds 5 -o {place}-seeds"))
    steps.append(("predict new records", f"xmr predict {place} NEW_FILE"))
    return steps
