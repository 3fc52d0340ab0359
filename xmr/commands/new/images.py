"""Images in front of an ImageNet classifier."""

from __future__ import annotations

from typing import Any

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.sources import choose_source

MANY = 5000  # above this, features of several layers would fill the memory: the head is trained by gradient
SIDES = {"efficientnet_lite0": 160}  # pixels, where a source's own input is not 224


def image(sample: Sample) -> Draft:
    """A head in closed form on features of several layers; of many images, a watermark and a head by gradient."""
    columns = {} if sample.source.is_dir() or sample.source.suffix == ".npz" else sample.columns()
    many = len(sample.records) > MANY
    source, why = choose_source("pixel")
    closed = {"epochs": 0, "batch_size": 32}  # trained patterns were no better: docs/results.md, "Images"
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        # A head in closed form chooses nothing on validation.
        "data": {"path": sample.path, **columns, "split": sample.split() | ({} if many else {"validation": 0})},
        "encoder": {"name": "image", "size": SIDES.get(source["name"], 224), "resize": "crop"},
        "source": {**source, **({} if many else {"feature_layers": 8})},
        "transform": {"name": "watermark"},
        "output": {"name": "linear" if many else "ridge"},
        "training": {"epochs": 20, "learning_rate": 0.01, "batch_size": 32, "patience": 6} if many else closed,
        "baselines": ["majority", "pixel_forest", "pixel_svm", "hog_svm", "linear_probe"],
    }
    return Draft(body, [sample.found("images"), why])
