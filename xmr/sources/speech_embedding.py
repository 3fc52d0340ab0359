"""Google's speech embedding, a small network whose TFLite files come inside a pip package."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Le
from torch import Tensor, nn

from xmr.core.spaces import WaveInput, WaveSpace
from xmr.sources.depths import FeatureLayers
from xmr.sources.hugging_face import random_init
from xmr.sources.packaged import PackagedFile
from xmr.sources.published.tflite import read_layers
from xmr.sources.wave import WaveSource
from xmr.sources.weights import Weights


def _file(file: str, sha256: str) -> PackagedFile:
    return PackagedFile("pyopen_wakeword", f"models/{file}", sha256, "speech", "speech_embedding", "Apache-2.0")


NETWORK = _file("embedding_model.tflite", "c0aea21eb84a4ce90a08c870da41b7a7173b45269e6a3207c71d67c40f3a59d8")
FRONT = _file("melspectrogram.tflite", "96fa0adccb6e8cf95cb14465409a1a2898ee4a96a85bb9ed3c7eb0e68bf163e8")
RATE, WINDOW, HOP = 16000, 512, 160
FRAMES = 76  # of the shortest clip that gives a vector
WIDTHS = (24, 48, 72, 96, 96)
POOLS = ((2, 2), (1, 2), (2, 2), (1, 2), (2, 2))


class SpeechEmbeddingNetwork(nn.Module):
    """Pairs of convolutions over 3 bands and over 3 frames, halved by five poolings; 96 numbers every 80 ms."""

    def __init__(self) -> None:
        super().__init__()
        blocks, before = [], 1
        for stage, width in enumerate(WIDTHS):
            layers: list[nn.Module] = []
            if stage == 0:
                layers += [nn.Conv2d(1, width, 3, padding=(0, 1)), _Activation()]
            for pair in range(1 if stage == 0 else 2):
                inputs = before if stage and not pair else width
                layers += [nn.Conv2d(inputs, width, (1, 3), padding=(0, 1)), _Activation()]
                layers += [nn.Conv2d(width, width, (3, 1)), _Activation()]
            blocks.append(nn.Sequential(*layers, nn.MaxPool2d(POOLS[stage])))
            before = width
        self.blocks = nn.ModuleList(blocks)
        self.last = nn.Conv2d(before, before, (3, 1))

    def forward(self, mels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Log mels (B, T, 32) -> vectors (B, 96, T'), and the maps (B, D, T'', F) behind each pooling."""
        hidden, maps = mels[:, None], []
        for block in self.blocks:
            hidden = block(hidden)
            maps.append(hidden)
        return self.last(hidden)[..., 0], maps

    def convolutions(self) -> list[nn.Conv2d]:
        """All convolutions in the order of the file."""
        return [module for module in self.modules() if isinstance(module, nn.Conv2d)]


class _Activation(nn.Module):
    """max(leaky ReLU, -0.4)."""

    def forward(self, x: Tensor) -> Tensor:
        """Element by element."""
        return F.leaky_relu(x, 0.2).clamp(min=-0.4)


class SpeechEmbedding(WaveSource):
    """Google's speech embedding from a pip package: 16 kHz, 330 thousand weights, Apache-2.0; no network.

    Trained to recognize keywords. Its features are the mean of 96 numbers for every 80 ms, and of the maps below
    where `feature_layers` asks for them; it has no classes. Source: Lin et al. 2020, arXiv 2002.01322.

    Args:
        seconds: length of a clip; longer ones are cut or split by the encoder's `length`.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: features from this many depths: the last, and others evenly spaced over its 5 blocks.
    """

    packaged: ClassVar[PackagedFile | None] = NETWORK
    kernels: Tensor
    filters: Tensor

    def __init__(
        self,
        seconds: Annotated[float, Ge(0.8), Le(60)] = 1.0,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.seconds, self.weights, self.feature_layers = seconds, weights, feature_layers
        self.clip: int = round(RATE * seconds)

    def load(self, seed: int = 0) -> Self:
        """Read the files inside the package. Raises MissingExtraError where it, or the reader tflite, is missing."""
        self.seed = seed
        self.space = WaveSpace(RATE, self.clip)
        real, imaginary, filters = (layer.weight.flatten(1) for layer in read_layers(FRONT.path()))
        self.register_buffer("kernels", torch.cat([real, imaginary])[:, None], persistent=False)  # (514, 1, 512)
        self.register_buffer("filters", filters.T.contiguous(), persistent=False)  # (257, 32)
        self.body, self.head = random_init(SpeechEmbeddingNetwork, seed), nn.Identity()
        if self.weights == "pretrained":
            for convolution, layer in zip(self.body.convolutions(), read_layers(NETWORK.path()), strict=True):
                convolution.load_state_dict({"weight": layer.weight, "bias": layer.bias})
        return self.finalize()

    def levels(self, waves: Tensor) -> Tensor:
        """(B, samples) in [-1, 1] -> log mels (B, T, 32): decibels of 16-bit samples, 80 below the loudest at least."""
        bands = F.conv1d(32767 * waves[:, None], self.kernels, stride=HOP)
        real, imaginary = bands.chunk(2, dim=1)
        power = (real.square() + imaginary.square()).transpose(1, 2) @ self.filters
        decibels = 10 * torch.log10(power.clamp(min=1e-10))
        return torch.maximum(decibels, decibels.amax(dim=(1, 2), keepdim=True) - 80) / 10 + 2

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """See `WaveSource.depths`."""
        assert inputs.waves is not None
        vectors, maps = self.body(self.levels(inputs.waves))
        return vectors.mean(dim=2), maps
