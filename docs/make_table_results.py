"""The tables of tables in docs/results.md: python docs/make_table_results.py [ROW ...].

Rows: program, random (the source with random weights), baselines; `choose` prints instead how settings fared on
validation parts of the labelled rows, from which the recipes' own were chosen. Five seeds each: the split, the labelled
rows, start and order all change with the seed, and are the same for all rows. Finished runs are kept in runs/table/, so
the command goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xmr.baselines.registry import run_baseline
from xmr.metrics.metrics import metrics_of
from xmr.core.files import write_json
from xmr.commands.run import run
from xmr.commands.run_baselines import baseline_input
from xmr.job import load_job
from xmr.recipe.load import load_recipe

SEEDS = range(5)
BUDGETS = ("128", "32", "512", "all")
SETS = {  # recipe -> labelled rows there are beside the test part
    "adult": 32_000,
    "german": 750,
    "horse_colic": 225,
    "breast_cancer": 210,
    "wine": 133,
    "cancer": 426,
    "diabetes": 331,
}
ROWS = {
    "program": ["baselines=[logistic, hist_gradient_boosting]"],
    "random": ["source.weights=random", "baselines=[]"],
    "baselines": ["source=identity", "ensemble=1", "baselines=[]"],
}
BASELINES = ("logistic", "hist_gradient_boosting", "random_forest")


def overrides(name: str, budget: str) -> list[str]:
    """How a budget is asked for. Adult: 4,000 others for the test part, all of its own with all rows."""
    if budget == "all":
        return ["ensemble=1", "training.epochs=1"] if name == "adult" else []
    held = ["data.split.by=random", "data.split.test=4000"] if name == "adult" else []
    return [*held, f"data.split.labels={budget}"]


FIRST = ["source={name: minilm, layers: 2, taps: 3}", "training.learning_rate=1e-4"]  # each candidate changes this
CANDIDATES: dict[str, list[str]] = {
    "as it is": [],
    **{f"layers {n}": [f"source.layers={n}"] for n in (1, 4, 6)},
    **{f"taps {n}": [f"source.taps={n}"] for n in (1, 2)},
    **{f"rate {rate}": [f"training.learning_rate={rate}"] for rate in ("1e-5", "1e-3", "3e-3")},
    "taps 1, rate 1e-3": ["source.taps=1", "training.learning_rate=1e-3"],
}


def choose(labels: int = 128) -> None:
    """Print the mean validation score of each candidate over tables (Adult left out: slow) and seeds, no test score."""
    for label, more in CANDIDATES.items():
        means = {}
        for name in [name for name in SETS if name != "adult"]:
            found = []
            for seed in SEEDS:
                asked = ["baselines=[]", "data.split.validation=0.25", *overrides(name, str(labels)), *FIRST, *more]
                folder = Path("runs", "table", "choose", label.replace(" ", "-"), name, f"seed-{seed}")
                recipe = load_recipe(f"table/{name}", [*asked, f"seed={seed}"])
                found.append(run(recipe, folder, resume=True, comment=" ".join(asked))["validation"])
            means[name] = float(np.mean(found))
        classes = [value for name, value in means.items() if name != "diabetes"]
        cells = " | ".join(f"{value:.3f}" for value in means.values())
        print(f"| {label} | {np.mean(classes):.4f} | {cells} |", flush=True)


def one(row: str, name: str, budget: str, seed: int) -> dict[str, dict[str, float]]:
    """Test metrics of one run, or of the baselines on its split; or what they were when they ran before."""
    asked = [*ROWS[row], *overrides(name, budget), f"seed={seed}"]
    folder = Path("runs", "table", row, name, budget, f"seed-{seed}")
    recipe = load_recipe(f"table/{name}", asked)
    if row != "baselines":
        return {row: run(recipe, folder, resume=True, comment=" ".join(asked))["test"]}
    kept = folder / "metrics.json"
    if not kept.is_file():
        job = load_job(recipe)
        answers = {other: run_baseline(other, baseline_input(job)) for other in BASELINES}
        test = job.sets["test"].target
        found = {other: metrics_of(recipe.task, values, test, job.targets) for other, values in answers.items()}
        write_json(kept, found)
    return json.loads(kept.read_text(encoding="utf-8"))


def text(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def main(rows: list[str]) -> None:
    """Print, for each row and budget, AUROC and accuracy (R2 for diabetes) of every table, and the means."""
    for row in rows:
        if row == "choose":
            choose()
            continue
        for budget in BUDGETS:
            means: dict[str, list[tuple[float, float]]] = {}
            for name, most in SETS.items():
                if budget != "all" and int(budget) > most:
                    continue
                found: list[dict[str, Any]] = [one(row, name, budget, seed) for seed in SEEDS]
                for key in found[0]:
                    metric = "r2" if name == "diabetes" else "auroc"
                    main_ones = [each[key][metric] for each in found]
                    others = [each[key].get("accuracy", np.nan) for each in found]
                    print(f"| {budget} | {name} | {key} | {text(main_ones)} | {text(others)} |", flush=True)
                    if name != "diabetes":
                        means.setdefault(key, []).append((float(np.mean(main_ones)), float(np.mean(others))))
            for key, pairs in means.items():
                auroc, accuracy = np.mean(pairs, axis=0)
                print(f"| {budget} | mean | {key} | {auroc:.3f} | {accuracy:.3f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(ROWS))
