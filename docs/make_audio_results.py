"""The table of spoken digits in docs/results.md: python docs/make_audio_results.py [SEEDS [ROW ...]].

The speaker left out changes with the row's four runs, the clips, the start and the order with the seed. The step size
is chosen for each left-out speaker by leaving out each of the other three in turn, at 10 clips a digit and speaker: the
speaker tested plays no part in it. Finished runs are kept in runs/audio/, so the command goes on where it was stopped.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from xmr.core.component import create
from xmr.data.splits import Split
from xmr.core.files import write_json
from xmr.commands.run import run
from xmr.job import assemble
from xmr.prepare import prepare
from xmr.recipe.load import load_recipe
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.training.loop import train

SPEAKERS = ("george", "jackson", "lucas", "nicolas")
SIZES = (2, 5, 10, 50)  # clips a digit and speaker; three speakers are learned from
MINILM = [
    "source={name: minilm, taps: 4}", "transform={name: signal_patches, patch: 320}", "encoder.rate=8000",
]  # fmt: skip
ROWS: dict[str, list[str]] = {
    "honk": ["baselines=[mfcc_logistic, linear_probe]"],
    "honk, random weights": ["source.weights=random", "baselines=[]"],
    "honk, clips shuffled": ["encoder.shuffle=positions", "baselines=[]"],
    "no network": ["source={name: mfcc}", "baselines=[]"],
    "minilm": [*MINILM, "baselines=[linear_probe]"],
    "patches, no source": [*MINILM, "source={name: identity, width: 384}", "baselines=[]"],
    "cnn from scratch": ["source.taps=1", "baselines=[cnn]"],
    "honk, without varied voices": ["encoder.speed=0", "encoder.shift=0", "output.min_rows=0", "baselines=[]"],
}

BASELINES_ALONE = ("cnn from scratch",)  # rows whose program is of no interest and is trained once
RATES = ("1e-5", "1e-4", "1e-3")


def rate_of(speaker: str) -> str:
    """The step size under which the other three speakers, each left out in turn, are understood best."""
    kept = Path("runs", "audio", f"rate-{speaker}.json")
    if not kept.is_file():
        scores = {rate: float(np.mean([inner(speaker, rate, place) for place in range(3)])) for rate in RATES}
        print(f"without {speaker}: {scores}", file=sys.stderr, flush=True)
        write_json(kept, scores)
    scores = json.loads(kept.read_text(encoding="utf-8"))
    return max(RATES, key=lambda rate: scores[rate])


def inner(speaker: str, rate: str, place: int) -> float:
    """Accuracy on one of the other speakers' labelled clips, learned from the two that remain."""
    asked = [f"training.learning_rate={rate}", f"data.split.group={speaker}", "data.split.labels=300", "baselines=[]"]
    recipe = load_recipe("audio/spoken_digits", asked)
    encoder, source = create(ENCODERS, recipe.encoder), create(SOURCES, recipe.source).load(recipe.seed)
    encoder.configure(source, create(TRANSFORMS, recipe.transform).capacity(source.space))
    prepared = prepare(recipe.data, recipe.task, encoder, recipe.seed)
    labelled = prepared.split.train
    who = np.array(prepared.records.group)[labelled]
    held = who == sorted(set(who))[place]
    prepared.split = Split(labelled[~held], labelled[held], labelled[:0], "one more speaker left out")
    job = assemble(recipe, encoder, source, prepared)
    with tempfile.TemporaryDirectory() as folder:
        train(job.program, job.sets["train"], None, recipe.training, recipe.seed, Path(folder))
    answers = job.program.answer(job.sets["validation"].data).mean(dim=0).argmax(dim=1)
    return float((answers == job.sets["validation"].target).float().mean())


def one(row: str, size: int, speaker: str, seed: int) -> dict[str, Any]:
    """One run, or what it gave when it ran before."""
    folder = Path("runs", "audio", row.replace(", ", "-").replace(" ", "_"), str(size), f"{speaker}-{seed}")
    epochs = ["training.epochs=2", "output.update_every=2"] if size == 50 else []
    epochs = ["training.epochs=1", "output.update_every=1", "output.min_rows=0"] if row in BASELINES_ALONE else epochs
    epochs = [*epochs, f"training.learning_rate={rate_of(speaker)}"]
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
            columns = {} if row in BASELINES_ALONE else {row: [each["test"]["accuracy"] for each in found]}
            for name in found[0]["baselines"]:
                columns[f"{name} ({row})"] = [each["baselines"][name]["accuracy"] for each in found]
            for name, values in columns.items():
                cells.setdefault(name, []).append(f"{np.mean(values):.3f} ± {np.std(values):.3f}")
                print(name, size, cells[name][-1], file=sys.stderr, flush=True)
        for name, texts in cells.items():
            print(f"| {name} | " + " | ".join(texts) + " |", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5, sys.argv[2:] or list(ROWS))
