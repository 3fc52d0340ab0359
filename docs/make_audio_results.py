"""The table of spoken digits in docs/results.md: python docs/make_audio_results.py [SEEDS [ROW ...]].

The speaker left out changes with the row's four runs, the clips, the start and the order with the seed. Finished runs
are kept in runs/audio/, so the command goes on where it was stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from xmr.job import run
from xmr.recipe.load import load_recipe

SPEAKERS = ("george", "jackson", "lucas", "nicolas")
SIZES = (2, 5, 10, 50)  # clips a digit and speaker; three speakers are learned from
MINILM = [
    "source={name: minilm, taps: 4}", "transform={name: signal_patches, patch: 320}", "encoder.rate=8000",
]  # fmt: skip
ROWS: dict[str, list[str]] = {
    "honk": ["baselines=[mfcc_logistic, linear_probe]"],
    "honk, random weights": ["source.weights=random", "baselines=[]"],
    "minilm": [*MINILM, "baselines=[linear_probe]"],
    "honk, cnn from scratch": ["baselines=[cnn]"],
    "honk, without varied voices": ["encoder.speed=0", "encoder.shift=0", "baselines=[]"],
}


def one(row: str, size: int, speaker: str, seed: int) -> dict[str, Any]:
    """One run, or what it gave when it ran before."""
    folder = Path("runs", "audio", row.replace(", ", "-").replace(" ", "_"), str(size), f"{speaker}-{seed}")
    epochs = ["training.epochs=2", "output.update_every=2"] if size == 50 else []
    budget = [f"data.split.group={speaker}", f"data.split.labels={30 * size}", f"seed={seed}"]
    asked = [*ROWS[row], *epochs, *budget]
    return run(load_recipe("audio/spoken_digits", asked), folder, resume=True, comment=" ".join(asked))


def main(seeds: int, rows: list[str]) -> None:
    """Print accuracy, mean and deviation over speakers and seeds."""
    print("| | " + " | ".join(f"{size} clips" for size in SIZES) + " |\n|---|" + "---|" * len(SIZES))
    for row in rows:
        cells: dict[str, list[str]] = {}
        for size in SIZES:
            found = [one(row, size, speaker, seed) for seed in range(seeds) for speaker in SPEAKERS]
            columns = {row: [each["test"]["accuracy"] for each in found]}
            for name in found[0]["baselines"]:
                columns[f"{name} ({row})"] = [each["baselines"][name]["accuracy"] for each in found]
            for name, values in columns.items():
                cells.setdefault(name, []).append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
                print(name, size, cells[name][-1], file=sys.stderr, flush=True)
        for name, texts in cells.items():
            print(f"| {name} | " + " | ".join(texts) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or list(ROWS))
