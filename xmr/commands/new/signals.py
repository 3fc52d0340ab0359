"""Time series as images for an ImageNet classifier, audio clips for a speech model."""

from __future__ import annotations

from typing import Any

from xmr.commands.new.base import HUB, Draft, Sample


def series(sample: Sample) -> Draft:
    """Rendered in three widths, one program each."""
    what = "series"
    if sample.records.arrays is not None:
        _, channels, samples = sample.records.arrays.shape
        what += f" of {channels} channel{'s' if channels > 1 else ''} and at most {samples} samples"
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": _data(sample),
        "encoder": {"name": "series"},
        "source": {"name": "hf_image", "model": "google/mobilenet_v1_0.75_192", "feature_layers": 8},
        "transform": {"name": "signal_image", "segment_width": [0.5, 1.0, 2.0]},
        "output": {"name": "ridge"},
        "training": {"epochs": 1, "learning_rate": 1e-4, "batch_size": 32},
        "ensemble": 3,
        "baselines": ["majority", "minirocket" if sample.task.single_target else "logistic", "linear_probe"],
    }
    return Draft(body, [sample.found(what)], HUB)


def audio(sample: Sample) -> Draft:
    """Clips with augmentation of speed and position."""
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": _data(sample),
        "encoder": {"name": "audio", "speed": 0.2, "shift": 0.1},
        "source": {"name": "hf_audio", "model": "facebook/wav2vec2-base", "feature_layers": 4},
        "transform": {"name": "wave_pattern", "layout": "pad", "gain": 1.0},
        "output": {"name": "ridge"},
        "training": {"epochs": 3, "learning_rate": 1e-3, "batch_size": 32},
        "ensemble": 1,
        "baselines": ["majority", "mfcc_logistic", "linear_probe"],
    }
    return Draft(body, [sample.found("recordings")], HUB)


def _data(sample: Sample) -> dict[str, Any]:
    """The section `data`. Heads in closed form: of few records none are held back for validation."""
    split = sample.split() | ({"validation": 0} if sample.small else {})
    return {"path": sample.path, **({"target": sample.label} if sample.target else {}), "split": split}
