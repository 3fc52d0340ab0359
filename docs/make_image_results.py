"""Tables of transforms and label mappings in docs/results.md: python docs/make_image_results.py RECIPE [TRANSFORM ...].

`python docs/make_image_results.py RECIPE ridge` prints the closed-form head on features of eight depths instead, behind
a watermark, beside the same with the watermark left at zero (a linear probe of those depths) and with random weights.
Nothing is chosen there, so that all labelled pictures are learned from.

For each transform and mapping: the learning rate is chosen on the validation part of seed 0, then five seeds (split,
start and order all follow the seed) are trained and tested once each. Finished runs are kept in runs/image/, so the
command goes on where it was stopped. Printed as a Markdown table; with `watermark` among the transforms (as it is when
none is named), also the controls of random weights and what does without a program.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.run import run
from xmr.recipe.load import load_recipe

SEEDS = range(5)
TRANSFORMS: dict[str, list[str]] = {
    "border": ["transform.name=border", "transform.scale=0.75"],
    "watermark": ["transform.name=watermark"],
    "masks": ["transform.name=sample_specific_masks"],
}
MAPPINGS = ("random", "frequent", "iterative", "bayesian", "bayesian_plus", "learned", "linear")
RATES = {"border": ("0.05", "0.2"), "watermark": ("0.01", "0.04"), "masks": ("0.01", "0.03")}
LEARNED_RATES = ("0.01", "0.04")
RIDGE = ["source.taps=8", "output={name: ridge}", "data.split.validation=0"]
RIDGE += ["training.epochs=3", "training.learning_rate=1e-3"]


def output(mapping: str) -> str:
    """The name of a mapping in a recipe."""
    return mapping if mapping == "linear" else f"{mapping}_mapping"


def one(recipe: str, name: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """One run, or what it gave when it ran before."""
    folder = Path("runs", "image", recipe.replace("/", "_"), name, f"seed-{seed}")
    loaded = load_recipe(recipe, [*overrides, f"seed={seed}"])
    result = run(loaded, folder, resume=True, comment=" ".join([recipe, *overrides]))
    if result["validation"] is None:
        return result
    rows = (folder / "history.csv").read_text(encoding="utf-8").splitlines()
    column = rows[0].split(",").index("score")
    result["validation"] = max(float(row.split(",")[column]) for row in rows[1:])
    return result


def cell(recipe: str, transform: str, mapping: str, more: list[str]) -> list[dict[str, Any]]:
    """The results of five seeds at the learning rate that seed 0's validation part chose."""
    rates = LEARNED_RATES if mapping in ("learned", "linear") else RATES[transform]
    common = [*TRANSFORMS[transform], f"output.name={output(mapping)}", "baselines=[]", *more]
    name = f"{transform}-{mapping}" + "".join(f"-{word.split('=')[1]}" for word in more)
    tried = {rate: one(recipe, f"{name}-{rate}", 0, [*common, f"training.learning_rate={rate}"]) for rate in rates}
    rate = max(tried, key=lambda r: tried[r]["validation"])
    rest = [one(recipe, f"{name}-{rate}", s, [*common, f"training.learning_rate={rate}"]) for s in SEEDS if s]
    print(f"{name} rate {rate}: {text([tried[rate], *rest])}", file=sys.stderr, flush=True)
    return [tried[rate], *rest]


def text(results: list[dict[str, Any]], metric: str = "accuracy") -> str:
    """Mean and standard deviation of a test metric."""
    values = [result["test"][metric] for result in results]
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}"


def depths(recipe: str) -> None:
    """Print the closed-form head on several depths and its two controls."""
    rows = {
        "watermark": [],
        "watermark left at zero": ["training.epochs=1", "training.learning_rate=1e-9"],
        "random source, watermark": ["source.weights=random"],
    }
    for name, more in rows.items():
        label = "ridge-" + name.replace(",", "").replace(" ", "-")
        found = [one(recipe, label, seed, [*RIDGE, "baselines=[]", *more]) for seed in SEEDS]
        print(f"| ridge on eight depths, {name} | {text(found)} |", flush=True)


def main(recipe: str, only: list[str]) -> None:
    """Print the table of one recipe's data set and source, of all transforms or of some, and what stands beside it."""
    chosen = only or list(TRANSFORMS)
    print(f"| {recipe} | " + " | ".join(chosen) + " |\n|---|" + "---|" * len(chosen))
    small = recipe.endswith("glyphs_cifar")  # fifteen targets before ten source classes: no disjoint groups
    for mapping in MAPPINGS:
        if small and mapping in ("random", "frequent", "iterative"):
            continue
        print(f"| {mapping} | " + " | ".join(text(cell(recipe, t, mapping, [])) for t in chosen) + " |", flush=True)
    if "watermark" not in chosen:  # the controls stand behind a watermark
        return
    for mapping in ("bayesian", "linear"):
        control = cell(recipe, "watermark", mapping, ["source.weights=random"])
        print(f"| {mapping}, random source, watermark | {text(control)} |", flush=True)
    plain = load_recipe(recipe).baselines
    found = [one(recipe, "baselines", s, ["training.epochs=1", "output.name=linear"]) for s in SEEDS]
    for name in plain:
        values = [result["baselines"][name]["accuracy"] for result in found]
        print(f"| {name} (no program) | {np.mean(values):.3f} ± {np.std(values, ddof=1):.3f} |")


if __name__ == "__main__":
    if sys.argv[2:] == ["ridge"]:
        depths(sys.argv[1])
    else:
        main(sys.argv[1], sys.argv[2:])
