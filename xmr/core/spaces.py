"""What a source can take and give: its space, its input and its output. What an encoder emits: `xmr.core.kinds`.

Axis legend: B rows of a batch, L target length, T source length, D width, V source vocabulary, C channels, K target
classes, N programs of an ensemble.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from xmr.core.kinds import Batch

Size = int | torch.SymInt  # of an axis; symbolic in an exported graph
Tokenize = Callable[[list[str]], list[list[int]]]  # the tokenizer of a source: texts -> token ids


class Space:
    """The input side of a source. Each kind of source has its own; what only some have is empty in the others."""

    rate: int | None = None  # samples per second, of sources that take waves
    words: tuple[str, ...] = ()  # the text of each token id, of sources with a vocabulary
    embedding: Tensor | None = None  # (V, D), of sources with a vocabulary

    @property
    def pixels(self) -> tuple[int, int] | None:
        """Height and width of its inputs, of sources of images."""
        return None

    def noise(self, rows: int) -> Tensor | None:
        """Fixed random values of its inputs, rows first; None where inputs are not one array (tokens)."""
        del rows
        return None

    def input_of(self, values: Tensor) -> SourceInput:
        """The input of a source from such values."""
        raise NotImplementedError


@dataclass(frozen=True)
class TokenSpace(Space):
    """The input side of a language model: embedding matrix E (V, D) and the maximum length of the content, in tokens.

    prefix, suffix: ids of the special tokens the source was trained with, around the content ([CLS] ... [SEP]).
    words: the text of each token id, if a tokenizer was available. mask: id of the token for hidden content, if any.
    """

    embedding: Float[Tensor, "V D"] = field()  # no default, although the base class has one
    max_length: int
    prefix: tuple[int, ...] = ()
    suffix: tuple[int, ...] = ()
    words: tuple[str, ...] = field(default=(), repr=False)
    mask: int | None = None

    @property
    def width(self) -> int:
        """D."""
        return self.embedding.shape[1]

    def row_norm(self) -> Tensor:
        """Median norm of E's rows: embeddings far from it are outside the source's domain."""
        return self.embedding.float().norm(dim=1).median()


@dataclass(frozen=True)
class PixelSpace(Space):
    """The input side of a vision model: size in pixels, and the mean and standard deviation of each channel for
    normalization.

    The source normalizes after the program, unless a transform works in normalized space.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def channels(self) -> int:
        """Number of channels, usually 3."""
        return len(self.mean)

    @property
    def pixels(self) -> tuple[int, int]:
        """See `Space.pixels`."""
        return self.height, self.width

    def noise(self, rows: int) -> Tensor:
        """See `Space.noise`: uniform (rows, C, H, W)."""
        shape = (rows, self.channels, self.height, self.width)
        return torch.rand(shape, generator=torch.Generator().manual_seed(0))

    def input_of(self, values: Tensor) -> PixelInput:
        """See `Space.input_of`."""
        return PixelInput(values)


@dataclass(frozen=True)
class Spectrum:
    """A short-time Fourier transform, linear in the wave: frames of `window` samples every `hop`, Hann, `fft` bins.

    before, after: samples added around the wave; `reflect` mirrors the wave, otherwise they are zeros. frames: the
    first T only.
    """

    window: int
    hop: int
    fft: int
    frames: int
    before: int = 0
    after: int = 0
    reflect: bool = False

    @property
    def bins(self) -> int:
        """Frequencies from zero to half the sample rate."""
        return self.fft // 2 + 1

    def __call__(self, waves: Float[Tensor, "B samples"]) -> Tensor:
        """(B, samples) -> complex (B, T, fft / 2 + 1)."""
        if self.before or self.after:
            mode = "reflect" if self.reflect else "constant"
            waves = torch.nn.functional.pad(waves[:, None], (self.before, self.after), mode=mode)[:, 0]
        framed = waves.unfold(1, self.window, self.hop)[:, : self.frames]
        return torch.fft.rfft(framed * self._hann(waves), n=self.fft)

    def _hann(self, like: Tensor) -> Tensor:
        """The periodic Hann window, (window,); in an exported graph its formula, as ONNX's exporter knows no window."""
        kind: Any = {"dtype": like.dtype, "device": like.device}
        if torch.compiler.is_compiling():
            return 0.5 - 0.5 * torch.cos(torch.arange(self.window, **kind) * (2 * math.pi / self.window))
        return torch.hann_window(self.window, periodic=True, **kind)


@dataclass(frozen=True)
class WaveSpace(Space):
    """The input side of an audio model: samples per second and samples per clip.

    spectrum: the linear short-time Fourier transform with which the model starts, if it does: a pattern can then be
    added to the spectrum instead of the wave, and the spectrum of the data is computed once.
    """

    rate: int = field()  # no default, although the base class has one
    samples: int = field()
    spectrum: Spectrum | None = None

    def noise(self, rows: int) -> Tensor:
        """See `Space.noise`: normal with standard deviation 0.1, (rows, samples)."""
        return torch.randn((rows, self.samples), generator=torch.Generator().manual_seed(0)) * 0.1

    def input_of(self, values: Tensor) -> WaveInput:
        """See `Space.input_of`."""
        return WaveInput(values)


class SourceInput(ABC):
    """What a transform hands to a source."""

    @classmethod
    @abstractmethod
    def stack(cls, parts: list[Any]) -> SourceInput:
        """The inputs of several programs as one batch, program after program."""

    @abstractmethod
    def values(self) -> Tensor:
        """What the source is fed, as real numbers, zero at padding; the first axis is the rows."""

    @abstractmethod
    def describe(self) -> str:
        """Name and shape."""

    @abstractmethod
    def problems(self, space: Any, encoded: Batch) -> list[str]:
        """Where it disagrees with the source's space, or with the batch it was made from; empty for a sound input."""

    def row(self, index: int) -> Tensor:
        """What the source is fed of one row, without padding."""
        return self.values()[index]

    def images(self, space: Any) -> Tensor | None:
        """(B, C, H, W) in [0, 1], for sources of images."""
        return None


@dataclass(frozen=True)
class TokenInput(SourceInput):
    """The input of a language source. embeddings: (B, T, D), right-padded; mask: (B, T).

    The target's own content (symbols, patches) is at `start : start + length` of the T axis; vectors that a transform
    adds (a prompt) are around it. `full` as in Symbols.
    """

    embeddings: Float[Tensor, "B T D"]
    mask: Bool[Tensor, "B T"]
    start: int
    length: Size
    full: bool = False

    @classmethod
    def stack(cls, parts: list[TokenInput]) -> TokenInput:
        """See `SourceInput.stack`: (N*B, T, D)."""
        first = parts[0]
        if len(parts) == 1:
            return first
        return replace(
            first,
            embeddings=torch.cat([part.embeddings for part in parts]),
            mask=torch.cat([part.mask for part in parts]),
        )

    def values(self) -> Tensor:
        """See `SourceInput.values`: (B, T, D)."""
        return self.embeddings * self.mask[..., None]

    def row(self, index: int) -> Tensor:
        """See `SourceInput.row`: (tokens, D)."""
        return self.embeddings[index, : int(self.mask[index].sum())]

    def describe(self) -> str:
        """See `SourceInput.describe`."""
        return f"embeddings {tuple(self.embeddings.shape)}"

    def problems(self, space: TokenSpace, encoded: Batch) -> list[str]:
        """See `SourceInput.problems`."""
        rows, tokens, width = self.embeddings.shape
        found = []
        if self.mask.shape != (rows, tokens) or self.start + self.length > tokens:
            found.append(f"mask {tuple(self.mask.shape)} and content {self.start} + {self.length} of {tokens} tokens")
        if width != space.width:
            found.append(f"embeddings are {width} wide, the source's {space.width}")
        if encoded.token_mask is not None:
            at_content = self.mask[:, self.start : self.start + self.length].sum(dim=1)
            if rows != len(encoded) or bool((at_content < encoded.token_mask.sum(dim=1)).any()):
                found.append("the source does not see every symbol")
        used = self.mask.sum(dim=1)
        if not torch.equal(torch.arange(tokens) < used[:, None], self.mask):
            found.append("content is not right-padded")
        return found


@dataclass(frozen=True)
class PixelInput(SourceInput):
    """The input of a vision source. pixels: (B, C, H, W) in [0, 1], or already in the source's
    normalized units where `normalized` says so."""

    pixels: Float[Tensor, "B C H W"]
    normalized: bool = False

    @classmethod
    def stack(cls, parts: list[PixelInput]) -> PixelInput:
        """See `SourceInput.stack`: (N*B, C, H, W)."""
        if len(parts) == 1:
            return parts[0]
        return replace(parts[0], pixels=torch.cat([part.pixels for part in parts]))

    def values(self) -> Tensor:
        """See `SourceInput.values`: (B, C, H, W)."""
        return self.pixels

    def describe(self) -> str:
        """See `SourceInput.describe`."""
        return f"pixels {tuple(self.pixels.shape)}"

    def problems(self, space: PixelSpace, encoded: Batch) -> list[str]:
        """See `SourceInput.problems`."""
        found = []
        if self.pixels.shape[1:] != (space.channels, space.height, space.width):
            found.append(f"pixels {tuple(self.pixels.shape[1:])} of {space.channels, space.height, space.width}")
        low, high = float(self.pixels.detach().min()), float(self.pixels.detach().max())
        if not self.normalized and not -1e-5 <= low <= high <= 1 + 1e-5:
            found.append(f"pixels from {low:.3g} to {high:.3g} lie outside [0, 1]")
        return found

    def images(self, space: PixelSpace) -> Tensor:
        """See `SourceInput.images`."""
        if not self.normalized:
            return self.pixels
        mean, std = (torch.tensor(x, device=self.pixels.device)[:, None, None] for x in (space.mean, space.std))
        return self.pixels * std + mean


@dataclass(frozen=True)
class WaveInput(SourceInput):
    """The input of an audio source: waves (B, samples), or their spectrum (B, T, F) if the source starts with one
    (`WaveSpace.spectrum`) and the transform works there.
    """

    waves: Float[Tensor, "B samples"] | None = None
    spectrum: Tensor | None = None

    @classmethod
    def stack(cls, parts: list[WaveInput]) -> WaveInput:
        """See `SourceInput.stack`."""
        if len(parts) == 1:
            return parts[0]
        if parts[0].waves is not None:
            return WaveInput(waves=torch.cat([part.waves for part in parts if part.waves is not None]))
        return WaveInput(spectrum=torch.cat([part.spectrum for part in parts if part.spectrum is not None]))

    def values(self) -> Tensor:
        """See `SourceInput.values`: (B, samples), or (B, T, F, 2)."""
        if self.waves is not None:
            return self.waves
        assert self.spectrum is not None, "a wave input holds waves or their spectrum"
        return torch.view_as_real(self.spectrum)

    def describe(self) -> str:
        """See `SourceInput.describe`."""
        if self.waves is not None:
            return f"waves {tuple(self.waves.shape)}"
        return f"spectra {tuple(self.values().shape[:-1])}"

    def problems(self, space: WaveSpace, encoded: Batch) -> list[str]:
        """See `SourceInput.problems`."""
        if self.waves is not None:
            right = self.waves.shape[1:] == (space.samples,)
            return [] if right else [f"waves of {self.waves.shape[1]} samples, the source's have {space.samples}"]
        if space.spectrum is None:
            return ["spectra, and the source does not start with one"]
        right = self.values().shape[1:3] == (space.spectrum.frames, space.spectrum.bins)
        return [] if right else [f"{self.describe()} of {space.spectrum.frames} frames and {space.spectrum.bins} bins"]


@dataclass(frozen=True)
class TokenFeatures:
    """The output of a language source. hidden: (B, T, D') with the source's special tokens; mask: (B, T).

    `start`, `length`: position of the target's own content on the T axis. `content`: (B, length), True at content, for
    content other than symbols (patches of signals of unequal length); None if it fills every row.
    """

    hidden: Float[Tensor, "B T D"]
    mask: Bool[Tensor, "B T"]
    start: int
    length: Size
    content: Bool[Tensor, "B L"] | None = None

    @property
    def aligned(self) -> Float[Tensor, "B L D"]:
        """The hidden states at the target's symbols."""
        return self.hidden[:, self.start : self.start + self.length]

    def mean(self) -> Tensor:
        """The mean over the content: (B, D')."""
        if self.content is None:
            return self.aligned.mean(dim=1)
        held = self.content[..., None].to(self.aligned.dtype)
        return (self.aligned * held).sum(dim=1) / held.sum(dim=1)

    def split(self, programs: int) -> list[TokenFeatures]:
        """The outputs for each of the programs stacked by `TokenInput.stack`."""
        if programs == 1:
            return [self]
        return [
            replace(self, hidden=hidden, mask=mask, content=content)
            for hidden, mask, content in zip(
                _parts(self.hidden, programs),
                _parts(self.mask, programs),
                [None] * programs if self.content is None else _parts(self.content, programs),
            )
        ]


@dataclass(frozen=True)
class PooledFeatures:
    """The output of a vision or audio source: features (B, D'), one vector per record, before the source's own
    classifier.
    """

    features: Float[Tensor, "B D"]

    def mean(self) -> Tensor:
        """The features themselves: (B, D')."""
        return self.features

    def split(self, programs: int) -> list[PooledFeatures]:
        """The outputs for each of the programs stacked by `PixelInput.stack`."""
        return [PooledFeatures(part) for part in _parts(self.features, programs)] if programs > 1 else [self]


def _parts(values: Tensor, programs: int) -> tuple[Tensor, ...]:
    """The rows of each program; unlike `chunk`, of any number, so that it can be exported."""
    return values.unflatten(0, (programs, -1)).unbind()


SourceOutput = TokenFeatures | PooledFeatures
