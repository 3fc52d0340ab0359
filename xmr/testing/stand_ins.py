"""Small random sources, one per space, for the checks of what stands before and behind a source."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from xmr.core.spaces import Spectrum, WaveInput, WaveSpace
from xmr.errors import RecipeError, one_of
from xmr.sources.base import Source
from xmr.sources.identity import Identity
from xmr.sources.vision import ModuleSource
from xmr.sources.wave import ModuleWave

CLASSES = 12


class RandomImages(ModuleSource):
    """A small convolutional network of images of 32 x 32 pixels."""

    height, width = 32, 32

    def network(self) -> nn.Module:
        """See `ModuleSource.network`."""
        convolution = nn.Conv2d(3, 16, 5, stride=3)
        nn.init.kaiming_normal_(convolution.weight)
        return nn.Sequential(convolution, nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, CLASSES))


class _OverTime(nn.Module):
    """Two linear layers over log magnitudes, mean over time between them."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = nn.Linear(33, 10), nn.Linear(10, CLASSES)

    def forward(self, spectrum: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Complex (B, T, 33) -> (B, 10), and the layer below."""
        hidden = torch.tanh(self.inner(torch.log(spectrum.abs() + 1e-3)))
        return hidden.mean(dim=1), [hidden]


class RandomWaves(ModuleWave):
    """A small network of clips of 400 samples at 1,000 per second, which starts with a spectrum."""

    def network(self) -> nn.Module:
        """See `ModuleWave.network`."""
        return _OverTime()

    def space_and_head(self) -> tuple[WaveSpace, str]:
        """See `ModuleWave.space_and_head`."""
        return WaveSpace(1000, 400, Spectrum(window=64, hop=32, fft=64, frames=12, after=64)), "out"

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """See `WaveSource.depths`."""
        return self.body(self.spectrum_of(inputs))


_SOURCES: dict[str, Callable[[], Source]] = {
    "token": lambda: Identity(width=12, vocabulary=40),
    "pixel": lambda: RandomImages(weights="random"),
    "wave": lambda: RandomWaves(weights="random"),
}
SPACES = tuple(_SOURCES)


def stand_in(space: str) -> Source:
    """A loaded random source of a space. Raises RecipeError for a space that has none."""
    if space not in _SOURCES:
        raise RecipeError(one_of("space", space, _SOURCES))
    made = _SOURCES[space]()
    made.section = {"name": f"random {space} source"}
    return made.load(0)
