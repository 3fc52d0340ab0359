"""MobileNets of TFLite files as Hugging Face folders: the same layers, their batch norms already folded in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xmr.errors import Problem, RecipeError
from xmr.sources.hugging_face import quiet
from xmr.sources.imagenet import IMAGENET_CLASSES
from xmr.sources.published.tflite import read_layers

AUDIOSET_CLASSES = Path(__file__).with_name("audioset_classes.txt")


def convert_mobilenet_v1(official: Path, result: Path) -> None:
    """ImageNet, 160 x 160, half the channels."""
    from transformers import MobileNetV1Config, MobileNetV1ForImageClassification

    names = ["background", *IMAGENET_CLASSES]
    config = MobileNetV1Config(image_size=160, depth_multiplier=0.5, **_labels(names))
    _write(MobileNetV1ForImageClassification(config), official, result)
    _write_preprocessor(result, 160, "MobileNetV1ImageProcessor")


def convert_mobilenet_v2(official: Path, result: Path) -> None:
    """ImageNet, 224 x 224."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification

    names = ["background", *IMAGENET_CLASSES]
    _write(MobileNetV2ForImageClassification(MobileNetV2Config(image_size=224, **_labels(names))), official, result)
    _write_preprocessor(result, 224, "MobileNetV2ImageProcessor")


def convert_yamnet(official: Path, result: Path) -> None:
    """AudioSet, on log mels of 96 frames x 64 bands; its images have one channel."""
    from transformers import MobileNetV1Config, MobileNetV1ForImageClassification

    names = AUDIOSET_CLASSES.read_text(encoding="utf-8").splitlines()
    config = MobileNetV1Config(image_size=96, num_channels=1, **_labels(names))
    _write(MobileNetV1ForImageClassification(config), official, result)


def _labels(names: list[str]) -> dict[str, Any]:
    return {"id2label": dict(enumerate(names)), "label2id": {name: index for index, name in enumerate(names)}}


def _write(model: Any, official: Path, result: Path) -> None:
    """Fill the model's convolutions in the order in which they run; its last layer is the classifier."""
    *convolutions, classifier = read_layers(official)
    places = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    if [layer.weight.shape for layer in convolutions] != [place.weight.shape for place in places]:
        raise RecipeError(
            Problem(str(official), "layers of other shapes", "the file of this name in `xmr source list`")
        )
    with torch.no_grad():
        for layer, place, norm in zip(convolutions, places, norms, strict=True):
            place.weight.copy_(layer.weight)
            norm.bias.copy_(layer.bias)
            norm.running_var.fill_(1.0)  # type: ignore[union-attr]
            norm.weight.fill_((1.0 + norm.eps) ** 0.5)  # so that the norm adds the bias and does nothing else
        model.classifier.weight.copy_(classifier.weight.flatten(1))
        model.classifier.bias.copy_(classifier.bias)
    with quiet():
        model.save_pretrained(result)


def _write_preprocessor(folder: Path, size: int, kind: str) -> None:
    facts = {
        "image_processor_type": kind,
        "do_resize": True,
        "size": {"shortest_edge": round(size * 8 / 7)},
        "do_center_crop": True,
        "crop_size": {"height": size, "width": size},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(facts, indent=2))
