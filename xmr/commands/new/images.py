"""Images with an ImageNet classifier."""

from __future__ import annotations

from typing import Any

from xmr.commands.new.base import HUB, Draft, Sample

MANY = 5000  # beyond this number of images the features of several layers would fill the memory: a head by gradient


def image(sample: Sample) -> Draft:
    """A watermark, and a head on features of several depths, or by gradient on the last."""
    columns = {} if sample.source.is_dir() or sample.source.suffix == ".npz" else {"target": sample.label}
    many = len(sample.records) > MANY
    closed = {"epochs": 3, "learning_rate": 0.001, "batch_size": 32}
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        # A head in closed form chooses nothing on validation.
        "data": {"path": sample.path, **columns, "split": sample.split() | ({} if many else {"validation": 0})},
        "encoder": {"name": "image", "size": 224, "resize": "crop"},
        "source": {"name": "hf_image", "model": "microsoft/resnet-18", **({} if many else {"feature_layers": 8})},
        "transform": {"name": "watermark"},
        "output": {"name": "linear" if many else "ridge"},
        "training": {"epochs": 20, "learning_rate": 0.01, "batch_size": 32, "patience": 6} if many else closed,
        "baselines": ["majority", "linear_probe"],
    }
    return Draft(body, [sample.found("pictures")], HUB)
