"""How well scan's scores foresee the trained result, for docs/results.md: python docs/make_scan_results.py [SET ...].

Five data sets, MiniLM cut at each of its six depths, one program, three seeds, the same splits for all depths. A score
of a depth is the mean over the seeds of what `xmr scan` says of the training part; the trained result is the mean test
metric. Finished runs and scans are kept in runs/scan/, so the command goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from xmr.commands.run import run
from xmr.recipe.load import load_recipe
from xmr.commands.scan.scan import scan

SEEDS = range(3)
DEPTHS = range(1, 7)
SCORES = ("log_me", "probe", "h_score", "leep")
# `dna/splice` as it was when the table was made: the mean over positions, a head by gradient.
BY_MEAN = [
    "encoder.aligned=false", "output={name: linear, pool: mean}", "data.split.validation=0.1",
    "training={epochs: 20, learning_rate: 0.003, batch_tokens: 2048}",
]  # fmt: skip
SETS = {
    "protein/amp_200": [],
    "protein/anticancer": ["data.split.labels=300"],
    "dna/splice": ["data.split.labels=400", "data.split.test=800", *BY_MEAN],
    "table/german": ["data.split.labels=300"],
    "image/digits_minilm": ["data.split.labels=300"],
}


def trained(name: str, depth: int, seed: int) -> dict[str, Any]:
    """One run at one depth, or what it gave when it ran before."""
    asked = [*SETS[name], f"source.layers={depth}", "ensemble=1", "baselines=[]", f"seed={seed}"]
    folder = Path("runs", "scan", name.replace("/", "_"), f"layers-{depth}", f"seed-{seed}")
    return run(load_recipe(name, asked), folder, resume=True, comment=" ".join([name, *asked]))


def scored(name: str, seed: int) -> list[dict[str, Any]]:
    """The scan of one seed's training part: a row a depth."""
    folder = Path("runs", "scan", name.replace("/", "_"), f"scan-{seed}")
    if not (folder / "scan.json").is_file():
        scan(name, [*SETS[name], f"seed={seed}"], [], folder)
    return json.loads((folder / "scan.json").read_text(encoding="utf-8"))["scores"]


def main(names: list[str]) -> None:
    """Print a line a set: the best depth, what each score's choice comes to (its rank correlation), and the cost."""
    print("| set | metric | best depth | " + " | ".join(SCORES) + " | cost |")
    print("|---|" + "---|" * (3 + len(SCORES)))
    spent = trained_for = 0.0
    for name in names:
        results = {depth: [trained(name, depth, seed) for seed in SEEDS] for depth in DEPTHS}
        metric = results[1][0]["metric"]
        means = {depth: float(np.mean([each["test"][metric] for each in found])) for depth, found in results.items()}
        rows = [row for seed in SEEDS for row in scored(name, seed)]
        found = {
            score: [np.mean([row[score] for row in rows if row["layers"] == depth]) for depth in DEPTHS]
            for score in SCORES
        }
        best = max(means, key=lambda depth: means[depth])
        cost = sum(row["seconds"] for row in rows)
        whole = sum(each["seconds"]["load"] + each["seconds"]["train"] for runs in results.values() for each in runs)
        spent, trained_for = spent + cost, trained_for + whole
        cells = [metric, f"{best}: {means[best]:.3f}"]
        for score in SCORES:
            chosen = list(DEPTHS)[int(np.argmax(found[score]))]
            rank = spearmanr(found[score], list(means.values())).statistic
            cells.append(f"{chosen}: {means[chosen]:.3f} ({rank:.2f})")
        print(f"| {name} | " + " | ".join([*cells, f"{cost / whole:.3f}"]) + " |", flush=True)
    print(f"All sets: {spent:.0f} s of scans beside {trained_for:.0f} s of training.")


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS))
