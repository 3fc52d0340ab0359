"""How candidates of `xmr auto` are best combined: `python -m tests.benchmarks.committee FOLDER... --json`.

FOLDERs are those of `xmr auto` or `xmr study studies/auto/NAME.yaml -o FOLDER`. Of each set, a rule chooses among the
candidates' held-out predictions of all folds but one, and what it chooses predicts that fold; the test parts are not
used. So the rule is scored on records that neither the candidates nor the choice has seen.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
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
FEW = 64  # records
TOWARDS_EQUAL = 10.0  # records that say that all members are equally good

Scored = Callable[[NDArray[np.float64]], float]
Rule = Callable[[NDArray[np.float64], Scored], NDArray[np.float64]]


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


def rules() -> dict[str, Rule]:
    """Name -> what chooses from held-out predictions (candidates, n, K), best first, with their scores."""
    made: dict[str, Rule] = {"best candidate": lambda found, scored: np.eye(len(found))[0]}
    for size in SIZES:
        made[f"mean of {size}"] = lambda found, scored, size=size: equal(found, size)  # type: ignore[misc]
    made["xmr auto"] = of_auto
    return made


def equal(found: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The same weight for the first candidates."""
    return (np.arange(len(found)) < size) / min(size, len(found))


def of_auto(found: NDArray[np.float64], scored: Scored) -> NDArray[np.float64]:
    """The best candidate, or the mean of two or three where that is as good."""
    sizes = [size for size in (1, 2, 3) if size <= len(found)]
    best = max(sizes, key=lambda size: (scored(found[:size].mean(axis=0)), size))
    return equal(found, best)


def combined(folder: Path) -> dict[str, float] | None:
    """The score of each rule; None where predictions are not probabilities of classes."""
    recipe = folder.with_name(folder.name + ".yaml")
    job = load_job(load_recipe(str(recipe), ["baselines=[]", "data.split.validation=0"]))
    pool = pool_of(job)
    target = pool.task.encode(pool.records)
    if not pool.task.probabilistic or pool.task.per_position or target.dim() != 1 or len(pool.folds[0]) < 2:
        return None
    kept = [kept_answers(path.with_suffix("")) for path in sorted((folder / "tried").glob("*.npy"))]
    found = np.stack([each[0].mean(axis=0) for each in kept if each is not None])
    made = {name: np.zeros_like(found[0]) for name in (*rules(), *(f"weights of {size}" for size in SIZES))}
    for held_out in pool.folds[0]:
        learned = np.setdiff1d(np.arange(len(target)), held_out)

        def scored(values: NDArray[np.float64], rows: NDArray[np.int64] = learned) -> float:
            return score(values, pool, target[rows])

        order = sorted(range(len(found)), key=lambda each: scored(found[each, learned]), reverse=True)
        ranked = found[order]
        weights = {name: rule(ranked[:, learned], scored) for name, rule in rules().items()}
        for size in SIZES:
            truth = ranked[:size, learned, target[learned].numpy()]
            weights[f"weights of {size}"] = np.pad(em_weights(truth), (0, len(found) - len(truth)))
        for name, each in weights.items():
            made[name][held_out] = np.tensordot(each, ranked[:, held_out], 1)
    return {name: score(values, pool, target) for name, values in made.items()}


def measure(places: list[Path]) -> dict[str, Any]:
    """The mean of each rule over all sets, and over those with few records."""
    folders = sorted(path.parent for place in places for path in place.rglob("auto.json"))
    found = [(records_of(folder), scores) for folder in folders if (scores := combined(folder))]

    def mean(chosen: list[dict[str, float]]) -> dict[str, Any]:
        names = chosen[0] if chosen else ()
        return {"sets": len(chosen)} | {
            name: round(float(np.mean([each[name] for each in chosen])), 4) for name in names
        }

    return {
        "command": "python -m tests.benchmarks.committee FOLDERS_OF_AUTO --json",
        "all": mean([scores for _, scores in found]),
        f"up to {FEW} records": mean([scores for records, scores in found if records <= FEW]),
        f"more than {FEW} records": mean([scores for records, scores in found if records > FEW]),
    }


def records_of(folder: Path) -> int:
    """How many labelled records a choice was made on."""
    return int(json.loads((folder / "auto.json").read_text(encoding="utf-8"))["n_train"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--json", action="store_true", help="write results/committee.json")
    asked = parser.parse_args()
    result = measure(asked.folders)
    print(json.dumps(result, indent=1))
    if asked.json:
        (ROOT / "results" / "committee.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
