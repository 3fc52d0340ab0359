"""How candidates of `xmr auto` are best combined: `python -m tests.benchmarks.committee FOLDER... --json`.

FOLDERs are those of `xmr auto` or `xmr study studies/auto/NAME.yaml -o FOLDER`. Of each set, the candidates' held-out
predictions are combined in several ways and scored; the test parts are not used. Weights are learned on four folds and
applied to the fifth.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xmr.commands.auto.search import Pool, pool_of
from xmr.commands.run_baselines import kept_answers
from xmr.job import load_job
from xmr.recipe.load import load_recipe

ROOT = Path(__file__).parents[2]
SIZES = (2, 3, 5, 8)  # members of a committee
TOWARDS_EQUAL = 10.0  # records that say that all members are equally good


def em_weights(truth: NDArray[np.float64], prior: float = TOWARDS_EQUAL, rounds: int = 200) -> NDArray[np.float64]:
    """The weights of a mixture of predictors that make the true classes most likely, by expectation maximization.

    truth: each predictor's probability of each record's true class, (predictors, records).
    """
    weights = np.full(len(truth), 1 / len(truth))
    for _ in range(rounds):
        shares = weights[:, None] * np.maximum(truth, 1e-9)
        shares /= shares.sum(axis=0)
        weights = (shares.sum(axis=1) + prior / len(truth)) / (truth.shape[1] + prior)
    return weights


def score(values: NDArray[np.float64], pool: Pool, target: torch.Tensor) -> float:
    """The metric that `xmr auto` chooses by."""
    return pool.task.score(pool.task.metrics(values, target, None))


def combined(folder: Path) -> dict[str, float] | None:
    """Held-out score of the best candidate and of each combination; None where predictions are not class probabilities
    of all records."""
    recipe = folder.with_name(folder.name + ".yaml")
    job = load_job(load_recipe(str(recipe), ["baselines=[]", "data.split.validation=0"]))
    pool = pool_of(job)
    target = pool.task.encode(pool.records)
    if not pool.task.probabilistic or pool.task.per_position or target.dim() != 1 or len(pool.folds[0]) < 2:
        return None
    kept = [kept_answers(path.with_suffix("")) for path in sorted((folder / "tried").glob("*.npy"))]
    found = [each[0].mean(axis=0) for each in kept if each is not None]
    order = sorted(found, key=lambda values: score(values, pool, target), reverse=True)
    scores = {"best candidate": score(order[0], pool, target)}
    for size in SIZES:
        members = np.stack(order[:size])
        scores[f"mean of {size}"] = score(members.mean(axis=0), pool, target)
        weighted = np.zeros_like(members[0])
        for held_out in pool.folds[0]:
            learned = np.setdiff1d(np.arange(len(target)), held_out)
            weights = em_weights(members[:, learned, target[learned].numpy()])
            weighted[held_out] = np.tensordot(weights, members[:, held_out], 1)
        scores[f"weights of {size}"] = score(weighted, pool, target)
    return scores


def measure(places: list[Path]) -> dict[str, Any]:
    """The mean over all sets of each combination."""
    folders = sorted(path.parent for place in places for path in place.rglob("auto.json"))
    found = [scores for folder in folders if (scores := combined(folder))]
    return {
        "command": "python -m tests.benchmarks.committee FOLDERS_OF_AUTO --json",
        "sets": len(found),
        "mean": {name: round(float(np.mean([each[name] for each in found])), 4) for name in found[0]},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="write results/committee.json")
    asked = parser.parse_args()
    result = measure(asked.folders)
    print(json.dumps(result, indent=1))
    if asked.json:
        (ROOT / "results" / "committee.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
