"""Series as images for an ImageNet classifier, audio clips for a speech model."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from xmr.commands.new.base import Draft, Sample
from xmr.commands.new.sources import choose_source
from xmr.data.readers.media import Media
from xmr.errors import require

MEASURED = 200  # clips that are looked at
LISTENED, SILENT = 10, 1e-4  # seconds of a clip, and the loudest sample below which it is silent
# What a set of series may differ in: shape, amplitude, steps, three scales of time, frequencies; one program each.
VIEWS: list[dict[str, Any]] = [
    {},
    {"value_range": "fixed"},
    {"difference": 1},
    {"value_range": "fixed", "segment_width": 0.5},
    {"value_range": "fixed", "segment_width": 2.0},
    {"encoding": "spectrogram"},
]
SIX_VIEWS = {"name": "signal_image", "views": VIEWS}


def series(sample: Sample) -> Draft:
    """Images of six views, one program each, and one ridge on all of them."""
    what = "series"
    if sample.records.arrays is not None:
        _, channels, samples = sample.records.arrays.shape
        what += f" of {channels} channel{'s' if channels > 1 else ''} and at most {samples} samples"
    rockets = ["minirocket", "multirocket_hydra"] if sample.task.single_target else ["logistic"]
    source, why = choose_source("pixel")
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": _data(sample),
        "encoder": {"name": "series", "normalize": "train"},
        "source": {**source, "feature_layers": 8},
        "transform": SIX_VIEWS,
        "output": {"name": "ridge", "power": 0.5, "joined": True},
        "training": {"epochs": 0},
        "ensemble": len(VIEWS),
        "baselines": ["majority", *rockets, "linear_probe"],
    }
    return Draft(body, [sample.found(what), why])


def audio(sample: Sample) -> Draft:
    """Whole clips, with a small pattern added to the wave."""
    source, why = choose_source("wave")
    found = [sample.found("audio clips"), why]
    clips = clips_of(sample)
    lengths = [clip.seconds for clip in clips]
    if source["name"] == "whisper_tiny" and len(lengths):
        typical, longest = float(np.quantile(lengths, 0.95)), max(lengths)
        source["seconds"] = min(30.0, max(1.0, math.ceil(2 * typical) / 2))
        cut = "" if longest <= source["seconds"] else f"; longer clips, up to {longest:.1f} seconds, are cut"
        found.append(
            f"clips: {np.median(lengths):.1f} seconds in the median; the source reads {source['seconds']:g}{cut}"
        )
    rates = Counter(clip.rate for clip in clips)
    if len(rates) > 1:
        listed = ", ".join(f"{count} at {rate:,} Hz" for rate, count in rates.most_common(4))
        found.append(f"beware: sample rates differ ({listed}); all clips are resampled, but a rate may tell the label")
    if silent := [clip.name for clip in clips if clip.silent]:
        found.append(f"beware: {len(silent)} of {len(clips)} clips are silent, such as {silent[0]}")
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": _data(sample),
        "encoder": {"name": "audio"},
        "source": {**source, "feature_layers": 5},
        "transform": {"name": "wave_pattern", "layout": "pad", "gain": 0.1},
        "output": {"name": "ridge", "balance_depths": True},
        "training": {"epochs": 0, "batch_size": 32},
        "ensemble": 1,
        "baselines": ["majority", "mfcc_logistic", "mfcc_svm", "linear_probe"],
    }
    return Draft(body, found)


@dataclass(frozen=True)
class Clip:
    """What is known of a clip before it is trained on. silent: nothing is louder than a ten-thousandth."""

    name: str
    seconds: float
    rate: int
    silent: bool


def clips_of(sample: Sample) -> list[Clip]:
    """Some of the clips, evenly spaced over all; none where the clips are arrays in memory."""
    if sample.records.arrays is not None:
        return []
    soundfile: Any = require("soundfile", "audio", "reading audio files")
    media = Media(sample.records.file, "an audio file")
    inputs = sample.records.inputs
    chosen = np.linspace(0, len(inputs) - 1, min(MEASURED, len(inputs))).round().astype(int)
    clips = []
    for index in dict.fromkeys(chosen.tolist()):
        try:
            path = str(media.path(inputs[index]))
            facts = soundfile.info(path)
            if facts.samplerate > 0:
                samples, _ = soundfile.read(path, frames=LISTENED * facts.samplerate, always_2d=True)
                silent = not len(samples) or float(np.abs(samples).max()) < SILENT
                clips.append(Clip(inputs[index], facts.frames / facts.samplerate, facts.samplerate, silent))
        except (ValueError, RuntimeError):
            continue  # the encoder reports what it cannot read
    return clips


def _data(sample: Sample) -> dict[str, Any]:
    """The section `data`. Heads in closed form: of few records none are held back for validation."""
    split = sample.split() | ({"validation": 0} if sample.small else {})
    return {"path": sample.path, **(sample.columns() if sample.target else {}), "split": split}
