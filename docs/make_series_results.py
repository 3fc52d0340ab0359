"""The table of time series in docs/results.md: python docs/make_series_results.py [PART ...].

Parts: pixel, wave, token (programs of a space), best (of the space chosen for each set by left-out training records),
random, shuffled (controls of the pixel program), none (the token program without a source), minirocket, probe, dtw,
cnn. `rates` prints instead how step sizes fared on validation parts of the training parts, by which the recipe's was
chosen.
Each set keeps its own train and test part. What a space leaves open (drawing, source, place) is chosen by leaving each
training record out in turn, before training, so that the test part is touched once. Five seeds each; finished runs are
kept in runs/series/, so the command goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from xmr.core.files import write_json
from xmr.commands.run import run
from xmr.job import load_job
from xmr.commands.sweep.leave_one_out import left_out_votes
from xmr.outputs.ridge import numbers_of
from xmr.recipe.load import load_recipe

SETS = (
    "GunPoint", "ItalyPowerDemand", "ArrowHead", "OSULeaf", "ACSF1", "BasicMotions", "JapaneseVowels", "ECG200",
    "Coffee", "Earthquakes", "SyntheticControl",
)  # fmt: skip
PARTS = (
    "pixel", "wave", "token", "best", "random", "shuffled", "none", "minirocket", "probe", "dtw", "cnn",
)  # fmt: skip
SEEDS = range(5)
KEPT = ["encoder.normalise=train", "transform.contrast=fixed"]
# A stretched series leaves most of a spectrum silent: a faster step adds noise there before the head is solved again.
SLOW = "training.learning_rate=1e-5"
WAVE = ["source={name: attention_rnn, taps: 6}", "transform={name: wave_pattern, place: stretch}", SLOW]
YAMNET = ["source={name: yamnet, taps: 8}", "transform={name: wave_pattern, place: stretch}", SLOW]
TOKEN = ["source={name: minilm, taps: 7}", "transform={name: signal_patches}", "ensemble=4", SLOW]
BOTH = ["encoder.normalise=train", "transform.contrast=[record, fixed]"]
STEPS = "transform.difference=[0, 1]"
CHOICES: dict[str, dict[str, list[str]]] = {
    "pixel": {
        "by record": [],
        "fixed range": KEPT,
        "both ranges": [*BOTH, "ensemble=6"],
        "by record, differences": [STEPS, "ensemble=6"],
        "fixed range, differences": [*KEPT, STEPS, "ensemble=6"],
        "both ranges, differences": [*BOTH, STEPS, "ensemble=12"],
    },
    "wave": {
        "attention rnn": WAVE,
        "attention rnn, train scale": [*WAVE, "encoder.normalise=train"],
        "yamnet": YAMNET,
        "yamnet, train scale": [*YAMNET, "encoder.normalise=train"],
    },
    "token": {"by record": TOKEN, "train scale": [*TOKEN, "encoder.normalise=train"]},
}


def choose(name: str, space: str) -> tuple[str, list[str]]:
    """The choice under which left-out training records are answered best, untrained."""
    scores = left_out(name, space)
    best = max(scores, key=lambda label: scores[label])
    return best, CHOICES[space][best]


def space_of(name: str) -> str:
    """The space whose best choice answers left-out training records best."""
    return max(CHOICES, key=lambda space: max(left_out(name, space).values()))


def left_out(name: str, space: str) -> dict[str, float]:
    """Accuracy on left-out training records by choice, untrained; the squared error parts equals."""
    kept = Path("runs", "series", name, f"{space}.json")
    if not kept.is_file():
        scores: dict[str, float] = {}
        for label, overrides in CHOICES[space].items():
            job = load_job(load_recipe("series/ucr", [f"data.dataset=ucr/{name}", "baselines=[]", *overrides]))
            target, votes = job.sets["train"].target, left_out_votes(job)
            error = (votes - numbers_of(target, job.targets.outputs)).square().mean()
            scores[label] = float((votes.argmax(dim=1) == target).double().mean() - 1e-3 * error)
        write_json(kept, scores)
    found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def rates() -> None:
    """Print the mean validation accuracy of each step size over the sets, three seeds; no test part is looked at."""
    for rate in ("1e-5", "1e-4", "1e-3"):
        means = []
        for name in SETS:
            _, overrides = choose(name, "pixel")
            more = [*overrides, "data.split.validation=0.3", f"training.learning_rate={rate}"]
            found = [one(name, f"rate-{rate}", seed, more)["validation"] for seed in range(3)]
            means.append(float(np.mean(found)))
        print(f"| {rate} | {np.mean(means):.4f} | " + " | ".join(f"{mean:.3f}" for mean in means) + " |", flush=True)


def one(name: str, label: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """One run, or what it gave when it ran before."""
    folder = Path("runs", "series", name, label, f"seed-{seed}")
    asked = [f"data.dataset=ucr/{name}", "baselines=[]", *overrides, f"seed={seed}"]
    return run(load_recipe("series/ucr", asked), folder, resume=True, comment=" ".join(["series/ucr", *asked]))


def part(label: str) -> dict[str, list[float]]:
    """Accuracy of each set over the seeds, by row."""
    rows: dict[str, list[float]] = {}
    for name in SETS:
        if label in CHOICES or label == "best":
            space = space_of(name) if label == "best" else label
            best, overrides = choose(name, space)
            results = [one(name, space, seed, overrides)["test"]["accuracy"] for seed in SEEDS]
            print(f"{label} {name} ({space}, {best}): {np.mean(results):.3f}", file=sys.stderr, flush=True)
            rows[name] = results
        elif label in ("random", "shuffled"):
            control = "source.weights=random" if label == "random" else "encoder.shuffle=positions"
            _, overrides = choose(name, "pixel")
            rows[name] = [one(name, label, seed, [*overrides, control])["test"]["accuracy"] for seed in SEEDS]
        elif label == "none":
            _, overrides = choose(name, "token")
            bare = [*overrides, "source=identity"]
            rows[name] = [one(name, label, seed, bare)["test"]["accuracy"] for seed in SEEDS]
        else:
            asked = {"minirocket": "[minirocket]", "probe": "[linear_probe]", "dtw": "[dtw_1nn]", "cnn": "[cnn]"}[label]
            quick = ["training.epochs=1", "ensemble=1", f"baselines={asked}"]
            seeds = SEEDS if label != "dtw" else (0,)
            found = [one(name, label, seed, quick)["baselines"] for seed in seeds]
            for baseline in found[0]:
                rows[f"{baseline}/{name}"] = [each[baseline]["accuracy"] for each in found]
        print(label, name, {k: round(float(np.mean(v)), 3) for k, v in rows.items() if name in k}, file=sys.stderr)
    return rows


def main(parts: list[str]) -> None:
    """Print the rows of the table: a set a line, a part a column, and the mean over sets."""
    columns: dict[str, dict[str, list[float]]] = {}
    for label in parts or PARTS:
        for key, values in part(label).items():
            column, _, name = key.rpartition("/")
            columns.setdefault(column or label, {})[name] = values
    print("| set | " + " | ".join(columns) + " |\n|---|" + "---|" * len(columns))
    for name in SETS:
        cells = [f"{np.mean(c[name]):.3f} ± {np.std(c[name]):.3f}" for c in columns.values()]
        print(f"| {name} | " + " | ".join(cells) + " |")
    means = [np.mean([np.mean(c[name]) for name in SETS]) for c in columns.values()]
    print("| mean | " + " | ".join(f"{mean:.3f}" for mean in means) + " |")


if __name__ == "__main__":
    if sys.argv[1:] == ["rates"]:
        rates()
    else:
        main(sys.argv[1:])
