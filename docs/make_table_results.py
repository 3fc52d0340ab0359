"""The tables of tables in docs/results.md: python docs/make_table_results.py [ROW ...].

Rows: program, random (the source with random weights). Five seeds each: the split, the labelled rows, start and order
all change with the seed. Finished runs are kept in runs/table/, so the command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from xmr.job import run
from xmr.recipe.load import load_recipe

SEEDS = range(5)
BUDGETS = ("32", "128", "512", "all")
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
}


def overrides(name: str, budget: str) -> list[str]:
    """How a budget is asked for. Adult: 4,000 others for the test part, all of its own with all rows."""
    if budget == "all":
        return ["ensemble=1", "training.epochs=1"] if name == "adult" else []
    held = ["data.split.by=random", "data.split.test=4000"] if name == "adult" else []
    return [*held, f"data.split.labels={budget}"]


def one(row: str, name: str, budget: str, seed: int) -> dict[str, Any]:
    """One run, or what it gave when it ran before."""
    asked = [*ROWS[row], *overrides(name, budget), f"seed={seed}"]
    folder = Path("runs", "table", row, name, budget, f"seed-{seed}")
    return run(load_recipe(f"table/{name}", asked), folder, resume=True, comment=" ".join(asked))


def text(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def main(rows: list[str]) -> None:
    """Print, for each budget, a line a table: AUROC (R2 for diabetes), and what each wins."""
    for row in rows:
        for budget in ("128", "32", "512", "all"):
            means: dict[str, list[float]] = {}
            for name, most in SETS.items():
                if budget != "all" and int(budget) > most:
                    continue
                found = [one(row, name, budget, seed) for seed in SEEDS]
                metric = "r2" if name == "diabetes" else "auroc"
                lines = {row: [each["test"][metric] for each in found]}
                for other in found[0]["baselines"]:
                    lines[other] = [each["baselines"][other][metric] for each in found]
                accuracy = [each["test"].get("accuracy", np.nan) for each in found]
                print(f"| {budget} | {name} | " + " | ".join(f"{k} {text(v)}" for k, v in lines.items()), end=" | ")
                print(f"accuracy {text(accuracy)} |", flush=True)
                if name != "diabetes":
                    for key, values in lines.items():
                        means.setdefault(key, []).append(float(np.mean(values)))
            print(
                f"| {budget} | mean AUROC | " + " | ".join(f"{k} {np.mean(v):.3f}" for k, v in means.items()),
                flush=True,
            )


if __name__ == "__main__":
    main(sys.argv[1:] or list(ROWS))
