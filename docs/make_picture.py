"""The picture of the README from a run's folder: python docs/make_picture.py runs/demo docs/images/demo.png"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure

from xmr.program import Program
from xmr.report import plots


def main(folder: Path, target: Path) -> None:
    """Draw the program beside the baselines, and its symbols beside the source's words."""
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    names = ["this program", *metrics["baselines"]]
    values = [metrics["test"]["auroc"], *(found["auroc"] for found in metrics["baselines"].values())]
    program = Program.load(folder)
    space = program.source.space
    sample = torch.randperm(len(space.words), generator=torch.Generator().manual_seed(0))[:3000]
    words = space.embedding[sample].numpy()
    table = program.transforms[0].table().detach().numpy()
    figure = Figure(figsize=(10, 3.6), layout="constrained", dpi=110)
    left, right = figure.subplots(1, 2, width_ratios=[1.15, 1])
    plots.bars(names, [float(np.nan_to_num(v)) for v in values], "auroc", metrics["test_interval"]["auroc"])(left)
    plots.positions(words, table, program.encoder.alphabet.letters)(right)
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
