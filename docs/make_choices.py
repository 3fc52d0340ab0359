"""Settings compared on training records left without a label: python docs/make_choices.py RECIPE LABELS [SETTING ...].

    python docs/make_choices.py dna/splice 200 "" "training.min_steps=200" "source.layers=4 ensemble=4"

Each setting is a string of overrides ("" is the recipe as it is). LABELS labelled records are drawn as `xmr run` draws
them with five seeds; the program is trained on them and scored on 800 others of the same training part, so that the
seed's test part has no say (those of other seeds share records with what is scored). Where the split is by clusters, no
other is of a cluster that has a labelled record. Finished trials are kept in runs/choices/. Prints a Markdown table.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
import tempfile
from pathlib import Path

import numpy as np

from xmr.core.component import create
from xmr.data.splits import Split, kmer_clusters
from xmr.metrics.metrics import main_metric, metrics_of
from xmr.core.files import write_json
from xmr.job import assemble
from xmr.prepare import prepare
from xmr.recipe.load import load_recipe
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.training.loop import train

SEEDS, OTHERS = range(5), 800


def trial(name: str, labels: str, asked: list[str], seed: int) -> dict[str, float]:
    """The main metric on training records that have no label, of a program trained on those that have one."""
    overrides = [*asked, f"seed={seed}", "baselines=[]"]
    digest = hashlib.sha256(" ".join([name, labels, *overrides]).encode()).hexdigest()[:16]
    kept = Path("runs", "choices", f"{name.replace('/', '_')}-{digest}.json")
    if kept.is_file():
        found: dict[str, float] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    recipe = load_recipe(name, [*overrides, f"data.split.labels={labels}"])
    encoder, source = create(ENCODERS, recipe.encoder), create(SOURCES, recipe.source).load(recipe.seed)
    encoder.configure(source, create(TRANSFORMS, recipe.transform).capacity(source.space))
    whole = prepare(load_recipe(name, overrides).data, recipe.task, encoder, recipe.seed).split
    prepared = prepare(recipe.data, recipe.task, encoder, recipe.seed)
    mine = np.concatenate([prepared.split.train, prepared.split.validation])
    others = np.setdiff1d(np.concatenate([whole.train, whole.validation]), mine)
    if recipe.data.split.by == "cluster":
        clusters = kmer_clusters(encoder.canonical(prepared.records), recipe.data.split.similarity)
        others = others[~np.isin(clusters[others], clusters[mine])]
    others = np.random.default_rng(seed).permutation(others)[:OTHERS]
    assert not np.isin(others, prepared.split.test).any()
    prepared.split = Split(prepared.split.train, prepared.split.validation, others, "records without label")
    job = assemble(recipe, encoder, source, prepared)
    chosen = job.sets["validation"] if len(job.sets["validation"]) else None
    with tempfile.TemporaryDirectory() as folder:
        train(job.program, job.sets["train"], chosen, recipe.training, recipe.seed, Path(folder))
    answers = job.program.answer(job.sets["test"].data).mean(dim=0).numpy()
    metric = main_metric(recipe.task, job.targets.outputs)
    found = {metric: metrics_of(recipe.task, answers, job.sets["test"].target, job.targets)[metric]}
    write_json(kept, found)
    return found


def main(name: str, labels: str, settings: list[str]) -> None:
    """Print a line for each setting."""
    for number, setting in enumerate(settings or [""]):
        found = [trial(name, labels, shlex.split(setting), seed) for seed in SEEDS]
        metric = next(iter(found[0]))
        values = [each[metric] for each in found]
        if number == 0:
            print(f"| `{name}`, {labels} labels | {metric} |\n|---|---|")
        print(
            f"| {f'`{setting}`' if setting else 'as it is'} | {np.mean(values):.3f} ± {np.std(values):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
