"""The published models by name: official addresses, licences, sizes, checksums, and the converter of each."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from pathlib import Path

from xmr.errors import RecipeError, one_of


@dataclass(frozen=True)
class PublishedModel:
    """One published model.

    result: the file or folder it becomes below XMR_MODELS or the cache. recipe: the `source` section that uses it.
    address, bytes, sha256: of the official file. converter: "module:function", called with the official file and the
    path of the result; None: the file is used as it is.
    """

    name: str
    summary: str
    licence: str
    address: str
    bytes: int
    sha256: str
    result: str
    recipe: str
    converter: str | None = None

    def convert(self, official: Path, result: Path) -> None:
        """Write the result from the official file. Raises MissingExtraError without the converter's packages."""
        if self.converter is None:
            result.write_bytes(official.read_bytes())
            return
        module, _, function = self.converter.partition(":")
        getattr(importlib.import_module(module), function)(official, result)


_CORAL = "https://raw.githubusercontent.com/google-coral/test_data/104342d2d3480b3e66203073dac24f4e2dbb4c41"
_MOBILENET = "xmr.sources.published.mobilenet"

PUBLISHED_MODELS = {
    model.name: model
    for model in (
        PublishedModel(
            name="mobilenet_v1_0.5_160",
            summary="ImageNet classifier, 1,001 classes, 1.3 million weights, 160 x 160 pixels",
            licence="Apache-2.0",
            address=f"{_CORAL}/mobilenet_v1_0.5_160_quant.tflite",
            bytes=1_392_846,
            sha256="3cc6d2ca460abd2e0f699a6d0d2550c6b61c6e3b0e27a3616e384ea74cb86f43",
            result="mobilenet_v1_0.5_160",
            recipe="{name: hf_image, model: mobilenet_v1_0.5_160}",
            converter=f"{_MOBILENET}:convert_mobilenet_v1",
        ),
        PublishedModel(
            name="mobilenet_v2_1.0_224",
            summary="ImageNet classifier, 1,001 classes, 3.5 million weights, 224 x 224 pixels",
            licence="Apache-2.0",
            address=f"{_CORAL}/mobilenet_v2_1.0_224_quant.tflite",
            bytes=3_610_798,
            sha256="7aad0c74c5e3c06e5eb3c827e13304fdd68a83da6087d92ee169c24ff9fd4776",
            result="mobilenet_v2_1.0_224",
            recipe="{name: hf_image, model: mobilenet_v2_1.0_224}",
            converter=f"{_MOBILENET}:convert_mobilenet_v2",
        ),
        PublishedModel(
            name="yamnet",
            summary="AudioSet tagger, 521 sounds, 3.8 million weights, 0.975 seconds at 16 kHz",
            licence="Apache-2.0",
            address="https://raw.githubusercontent.com/google-coral/coralmicro/main/models/yamnet_spectra_in.tflite",
            bytes=4_047_424,
            sha256="0a266465c46718f3fcc4137366be82882a8c93bfcc4f0278581a11d11dddcdf9",
            result="yamnet",
            recipe="{name: yamnet}",
            converter=f"{_MOBILENET}:convert_yamnet",
        ),
        PublishedModel(
            name="attention_rnn",
            summary="36 spoken commands, 0.2 million weights, one second at 16 kHz (Voice2Series' source)",
            licence="MIT",
            address=(
                "https://raw.githubusercontent.com/douglas125/SpeechCmdRecognition/"
                "e965a72a8d1dedf490d4eba1996b2f3bb74eacdf/model-attRNN.h5"
            ),
            bytes=2_775_136,
            sha256="c73134a09bbc72d169a7d8e875297e72142c3d11f2dc0d95570303c67bdca4d0",
            result="attrnn_speech_commands.safetensors",
            recipe="{name: attention_rnn}",
            converter="xmr.sources.published.attention_rnn:convert_attention_rnn",
        ),
        PublishedModel(
            name="keyword_cnn",
            summary="honk's ten spoken commands, 0.5 million weights, one second at 16 kHz",
            licence="none stated (its code is MIT)",
            address=(
                "https://raw.githubusercontent.com/castorini/honk-models/"
                "1c044a11237eb3a99ce765f5b32b6da7f6d222ab/google-speech-dataset.pt"
            ),
            bytes=1_975_733,
            sha256="8f9b0468bae0da665f1c89748f2ec4d195dad39cf90c5e9d97933565cb4e88f0",
            result="honk_speech_commands.pt",
            recipe="{name: keyword_cnn}",
        ),
        PublishedModel(
            name="resnet20_cifar10",
            summary="CIFAR-10 classifier, ten classes, 0.27 million weights, 32 x 32 pixels",
            licence="BSD-2-Clause",
            address=(
                "https://raw.githubusercontent.com/akamaster/pytorch_resnet_cifar10/"
                "master/pretrained_models/resnet20-12fca82f.th"
            ),
            bytes=1_099_231,
            sha256="12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
            result="resnet20_cifar10.pt",
            recipe="{name: resnet20_cifar10}",
        ),
    )
}


def published_model(name: str) -> PublishedModel:
    """The model called `name`. Raises RecipeError with the nearest name."""
    if name not in PUBLISHED_MODELS:
        raise RecipeError(one_of("source get", name, PUBLISHED_MODELS))
    return PUBLISHED_MODELS[name]


def how_to_get(name: str) -> str:
    """What brings a model that is not here, for the end of a message; empty where `xmr source` does not know it.

    name: as `xmr source list` has it, or of the file or folder it becomes.
    """
    known = next((model.name for model in PUBLISHED_MODELS.values() if name in (model.name, model.result)), None)
    return f": `xmr source get {known}` brings it" if known else ""
