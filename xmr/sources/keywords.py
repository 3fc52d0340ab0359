"""Two small networks of spoken commands as frozen sources: the attention RNN of Voice2Series, and honk's CNN."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from xmr.core.spaces import Spectrum, WaveInput, WaveSpace
from xmr.sources.depths import FeatureLayers
from xmr.sources.mfcc import CepstralFront
from xmr.sources.wave import ModuleWave, mel_filters
from xmr.sources.weights import Weights

RATE, SAMPLES = 16000, 16000
# fmt: off
COMMANDS = (
    "unknown", "nine", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go", "zero", "one", "two",
    "three", "four", "five", "six", "seven", "eight", "backward", "bed", "bird", "cat", "dog", "follow", "forward",
    "happy", "house", "learn", "marvin", "sheila", "tree", "visual", "wow",
)
# fmt: on
# fmt: off
KEYWORDS = (
    "silence", "unknown", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go",
)
# fmt: on


class AttentionRNNNetwork(nn.Module):
    """Two convolutions over time, two bidirectional LSTMs, attention with the last step as query, two linear layers.

    Source: de Andrade et al. 2018, arXiv 1808.08929 (github.com/douglas125/SpeechCmdRecognition, MIT).
    """

    def __init__(self) -> None:
        super().__init__()
        self.c1, self.b1 = nn.Conv2d(1, 10, (5, 1), padding=(2, 0)), nn.BatchNorm2d(10, eps=1e-3)
        self.c2, self.b2 = nn.Conv2d(10, 1, (5, 1), padding=(2, 0)), nn.BatchNorm2d(1, eps=1e-3)
        self.l1 = nn.LSTM(80, 64, batch_first=True, bidirectional=True)
        self.l2 = nn.LSTM(128, 64, batch_first=True, bidirectional=True)
        self.q, self.d1 = nn.Linear(128, 128), nn.Linear(128, 64)
        self.d2, self.o = nn.Linear(64, 32), nn.Linear(32, 36)

    def forward(self, mels: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Log mels (B, T, 80) -> the classifier's input (B, 32), and the lower hidden states."""
        x = self.b1(torch.relu(self.c1(mels[:, None])))
        x = self.b2(torch.relu(self.c2(x)))[:, 0]
        # cuDNN refuses the backward pass of a frozen (eval mode) LSTM; the native kernels do not.
        with torch.backends.cudnn.flags(enabled=not x.is_cuda):
            first, _ = self.l1(x)
            second, _ = self.l2(first)
        query = self.q(second[:, -1])
        weights = torch.softmax(torch.einsum("bd,btd->bt", query, second), dim=1)
        heard = torch.einsum("bt,btd->bd", weights, second)
        inner = torch.relu(self.d1(heard))
        return self.d2(inner), [x, first, second, heard, inner]


class AttentionRNN(ModuleWave):
    """The network Voice2Series reprogrammed: 36 spoken commands, one second at 16 kHz, 80 mels, 0.2 million weights.

    Args:
        weights_file: a .safetensors or .pt file, by path or by its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    names: ClassVar[tuple[str, ...]] = COMMANDS
    clip = SAMPLES
    filters: Tensor

    def __init__(
        self,
        weights_file: str = "attrnn_speech_commands.safetensors",
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__(weights_file, weights, feature_layers)

    def network(self) -> nn.Module:
        """See `AttentionRNNNetwork`."""
        return AttentionRNNNetwork()

    def space_and_head(self) -> tuple[WaveSpace, str]:
        """125 frames of 1,024 samples every 128."""
        spectrum = Spectrum(window=1024, hop=128, fft=1024, frames=125, after=1024)
        self.register_buffer(
            "filters", mel_filters(spectrum.bins, RATE, 40.0, 8000.0, 80, "htk", None), persistent=False
        )
        return WaveSpace(RATE, SAMPLES, spectrum), "o"

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """Log mels of the magnitude, z-scored over the clip, through the network."""
        magnitude = self.spectrum_of(inputs).abs()
        mels = torch.log(magnitude @ self.filters + 1e-6)
        mean = mels.mean(dim=(1, 2), keepdim=True)
        deviation = mels.std(dim=(1, 2), keepdim=True, correction=0)
        return self.body((mels - mean) / (deviation + 1e-6))


class KeywordCNNNetwork(nn.Module):
    """Two convolutions over 40 cepstral coefficients and time. Source: honk, arXiv 1710.06554."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 64, (20, 8)), nn.Conv2d(64, 64, (10, 4))
        self.output = nn.Linear(26624, 12)

    def forward(self, cepstra: Tensor) -> tuple[Tensor, list[Tensor]]:
        """(B, 101, 40) -> the classifier's input (B, 26,624), and the lower hidden states."""
        first = F.max_pool2d(torch.relu(self.conv1(cepstra[:, None])), 2)
        second = torch.relu(self.conv2(first))
        over_time = [rearrange(part, "b c t f -> b t (c f)") for part in (first, second)]
        return second.flatten(1), [cepstra, *over_time]


class KeywordCNN(ModuleWave):
    """honk's keyword network: ten words, silence and unknown; one second at 16 kHz, 40 cepstral coefficients.

    Args:
        weights_file: a .safetensors or .pt file, by path or by its name below XMR_MODELS.
        weights: `pretrained`, or `random` as a control (same architecture, randomly initialized).
        feature_layers: number of layers whose features are used: the last and others, evenly spaced; or
            indices of its hidden states, [3, -2]: 0 is the first, -1 the last.
    """

    names: ClassVar[tuple[str, ...]] = KEYWORDS
    clip = SAMPLES

    def __init__(
        self,
        weights_file: str = "honk_speech_commands.pt",
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__(weights_file, weights, feature_layers)

    def network(self) -> nn.Module:
        """See `KeywordCNNNetwork`."""
        return KeywordCNNNetwork()

    def space_and_head(self) -> tuple[WaveSpace, str]:
        """101 frames of 480 samples every 160, the wave mirrored at its ends."""
        self.front = CepstralFront(SAMPLES)
        return WaveSpace(RATE, SAMPLES, self.front.spectrum), "output"

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """Cepstra through the network."""
        return self.body(self.front(self.spectrum_of(inputs)))
