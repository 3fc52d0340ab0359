"""Control: no network. Only the front end of honk's network (cepstral coefficients), the program and its output."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

import torch
from annotated_types import Ge, Le
from torch import Tensor, nn

from xmr.core.spaces import Spectrum, WaveInput, WaveSpace
from xmr.sources.depths import pool_statistics
from xmr.sources.wave import WaveSource, mel_filters, torchaudio_functional

RATE, HOP, CEPSTRA = 16000, 160, 40


class CepstralFront(nn.Module):
    """Spectra of 30 ms every 10 ms -> cepstra of 40 mels from 20 to 4,000 Hz. Source: honk, arXiv 1710.06554."""

    filters: Tensor
    cosines: Tensor

    def __init__(self, samples: int) -> None:
        super().__init__()
        self.spectrum = Spectrum(480, HOP, 480, frames=samples // HOP + 1, before=240, after=240, reflect=True)
        filters = mel_filters(self.spectrum.bins, RATE, 20.0, 4000.0, CEPSTRA, "slaney", "slaney")
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("cosines", torchaudio_functional().create_dct(CEPSTRA, CEPSTRA, "ortho"), persistent=False)

    def forward(self, spectrum: Tensor) -> Tensor:
        """Complex (B, T, 241) -> (B, T, 40): of the log mel power, where it is above zero."""
        power = (spectrum.real.square() + spectrum.imag.square()) @ self.filters
        mels = torch.where(power > 0, torch.log(power.clamp(min=1e-12)), power)
        return mels @ self.cosines


class MFCC(WaveSource):
    """Returns statistics over time of 40 cepstral coefficients: does a network contribute more than its front end?

    For label mappings it has classes: rows of a random matrix, as `identity` has words.

    Args:
        n_samples: number of samples per clip, at 16,000 per second.
        n_classes: number of rows of the random classifier.
    """

    is_control: ClassVar[bool] = True
    head: _StandIn

    def __init__(
        self,
        n_samples: Annotated[int, Ge(400), Le(9_600_000)] = RATE,
        n_classes: Annotated[int, Ge(2), Le(10_000)] = 36,
    ) -> None:
        super().__init__()
        self.n_samples, self.n_classes = n_samples, n_classes

    def load(self, seed: int = 0) -> Self:
        """Initialize the random classifier."""
        self.seed = seed
        self.front = CepstralFront(self.n_samples)
        self.space = WaveSpace(RATE, self.n_samples, self.front.spectrum)
        self.head = _StandIn(5 * CEPSTRA, self.n_classes, seed)
        return self.finalize()

    def depths(self, inputs: WaveInput) -> tuple[Tensor, list[Tensor]]:
        """Five statistics of each coefficient (B, 200); there are no lower layers."""
        return pool_statistics(self.front(self.spectrum_of(inputs))), []

    def classifier_weight(self) -> Tensor:
        """The random matrix: (K_S, 200)."""
        return self.head.weight


class _StandIn(nn.Module):
    """A random classifier without parameters: (..., width) -> (..., classes)."""

    weight: Tensor

    def __init__(self, width: int, classes: int, seed: int) -> None:
        super().__init__()
        drawn = torch.randn(classes, width, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("weight", drawn / width**0.5)

    def forward(self, hidden: Tensor) -> Tensor:
        """Similarity to each row."""
        return hidden @ self.weight.T
