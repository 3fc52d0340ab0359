"""What a service is shown: images, audio clips or texts, as they survive their way to it, in several renderings.

The values are rounded before anything else, also for a model in this process: what a search sees is what the service
sees. A rendering is fixed; the answers to several of a record, one after the other, are the features of that record.
"""

from __future__ import annotations

import base64
import io
import wave
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.core.spaces import PixelInput, PixelSpace, Space, TokenInput, TokenSpace, WaveInput, WaveSpace

ImageView = Literal["plain", "negative", "half", "quarter", "mirrored", "zoomed"]
AudioView = Literal["plain", "quiet", "slow", "fast", "reversed"]
TextView = Literal["plain", "reversed", "doubled"]
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz")


class Medium(ABC):
    """Items of one kind: `items` renders a batch, `raw` gives the bytes of one for its key, `encoded` for the wire."""

    kind: ClassVar[str]
    space: Space

    @abstractmethod
    def items(self, inputs: Any, views: Sequence[str]) -> Any:
        """The renderings of every record, one view after the other: k * B items."""

    @abstractmethod
    def example(self, number: int) -> Any:
        """Fixed items, by whose answers a service is recognized."""

    def raw(self, item: Any) -> bytes:
        """The content of an item."""
        return np.ascontiguousarray(item).tobytes()

    @abstractmethod
    def encoded(self, item: Any) -> str | dict[str, str]:
        """An item in JSON: {"b64": ...} of a file of its kind, or a text."""


class Images(Medium):
    """Images (B, H, W, C): 8 bits per channel, or real numbers in [0, 1] where `bits` is None."""

    kind = "image"

    def __init__(self, height: int, width: int, bits: int | None) -> None:
        self.space: PixelSpace = PixelSpace(height, width, (0.0,) * 3, (1.0,) * 3)
        self.bits = bits

    def items(self, inputs: PixelInput, views: Sequence[str]) -> np.ndarray:
        """See `Medium.items`."""
        pixels = inputs.images(self.space).detach().float().cpu().clamp(0, 1)
        rendered = torch.cat([_IMAGE_VIEWS[view](pixels) for view in views]).permute(0, 2, 3, 1).numpy()
        if self.bits is None:
            return rendered
        top = 2**self.bits - 1
        return np.round(rendered * top).astype(np.uint8 if self.bits <= 8 else np.uint16)

    def numbers(self, items: np.ndarray) -> np.ndarray:
        """Items as real numbers in [0, 1]."""
        return items.astype(np.float32) / (1 if self.bits is None else 2**self.bits - 1)

    def example(self, number: int) -> np.ndarray:
        """See `Medium.example`: uniform noise."""
        return self.items(self.space.input_of(self.space.noise(number)), ("plain",))

    def encoded(self, item: np.ndarray) -> dict[str, str]:
        """See `Medium.encoded`: a PNG file."""
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(item).save(file, "PNG", compress_level=1)
        return {"b64": base64.b64encode(file.getvalue()).decode()}


class Clips(Medium):
    """Audio clips (B, samples): 16 bits per sample, or real numbers in [-1, 1] where `bits` is None."""

    kind = "audio"

    def __init__(self, rate: int, samples: int, bits: int | None) -> None:
        self.space: WaveSpace = WaveSpace(rate=rate, samples=samples)
        self.bits = bits

    def items(self, inputs: WaveInput, views: Sequence[str]) -> np.ndarray:
        """See `Medium.items`."""
        assert inputs.waves is not None
        waves = inputs.waves.detach().float().cpu().clamp(-1, 1)
        rendered = torch.cat([_AUDIO_VIEWS[view](waves) for view in views]).numpy()
        if self.bits is None:
            return rendered
        top = 2 ** (self.bits - 1) - 1
        return np.round(rendered * top).astype(np.int8 if self.bits <= 8 else np.int16)

    def numbers(self, items: np.ndarray) -> np.ndarray:
        """Items as real numbers in [-1, 1]."""
        return items.astype(np.float32) / (1 if self.bits is None else 2 ** (self.bits - 1) - 1)

    def example(self, number: int) -> np.ndarray:
        """See `Medium.example`: noise."""
        return self.items(self.space.input_of(self.space.noise(number)), ("plain",))

    def encoded(self, item: np.ndarray) -> dict[str, str]:
        """See `Medium.encoded`: a WAV file of 16 bits."""
        file = io.BytesIO()
        with wave.open(file, "wb") as writer:
            writer.setnchannels(1)
            writer.setsampwidth(2)
            writer.setframerate(self.space.rate or 0)
            writer.writeframes(np.round(self.numbers(item) * 32767).astype("<i2").tobytes())
        return {"b64": base64.b64encode(file.getvalue()).decode()}


class Texts(Medium):
    """Texts of given words. Each word is its own unit vector, so that every transform of token space can choose words;
    a vector in between is read as the nearest word.
    """

    kind = "text"

    def __init__(self, words: Sequence[str], max_length: int, separator: str) -> None:
        self.words, self.separator = np.array(words, dtype=object), separator
        self.space: TokenSpace = TokenSpace(embedding=torch.eye(len(words)), max_length=max_length, words=tuple(words))

    def items(self, inputs: TokenInput, views: Sequence[str]) -> list[str]:
        """See `Medium.items`."""
        chosen = inputs.embeddings.detach().argmax(dim=2).cpu().numpy()
        lengths = inputs.mask.sum(dim=1).tolist()
        texts = [[*self.words[row[:length]]] for row, length in zip(chosen, lengths)]
        return [self.separator.join(_TEXT_VIEWS[view](words)) for view in views for words in texts]

    def example(self, number: int) -> list[str]:
        """See `Medium.example`: words by number."""
        count = min(len(self.words), self.space.max_length)
        return [self.separator.join(np.roll(self.words, shift)[:count]) for shift in range(number)]

    def raw(self, item: str) -> bytes:
        """See `Medium.raw`."""
        return item.encode("utf-8", "surrogatepass")

    def encoded(self, item: str) -> str:
        """See `Medium.encoded`: the text."""
        return item


def _shrunk(pixels: Tensor, by: int) -> Tensor:
    """At a fraction of the size in the middle of black: (B, C, H, W) -> (B, C, H, W)."""
    height, width = pixels.shape[-2] // by, pixels.shape[-1] // by
    small = F.interpolate(pixels, (height, width), mode="bilinear", antialias=True)
    top, left = (pixels.shape[-2] - height) // 2, (pixels.shape[-1] - width) // 2
    found = torch.zeros_like(pixels)
    found[..., top : top + height, left : left + width] = small
    return found


def _zoomed(pixels: Tensor) -> Tensor:
    """The middle three quarters, over the whole input."""
    height, width = pixels.shape[-2], pixels.shape[-1]
    down, across = height // 8, width // 8
    middle = pixels[..., down : height - down, across : width - across]
    return F.interpolate(middle, (height, width), mode="bilinear", antialias=True)


def _stretched(waves: Tensor, factor: float) -> Tensor:
    """A clip at another speed, cut or padded to its length: (B, samples)."""
    samples = waves.shape[1]
    found = F.interpolate(waves[:, None], round(samples * factor), mode="linear")[:, 0, :samples]
    return F.pad(found, (0, samples - found.shape[1]))


_IMAGE_VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda x: x,
    "negative": lambda x: 1 - x,
    "half": lambda x: _shrunk(x, 2),
    "quarter": lambda x: _shrunk(x, 4),
    "mirrored": lambda x: x.flip(-1),
    "zoomed": _zoomed,
}
_AUDIO_VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "plain": lambda x: x,
    "quiet": lambda x: x / 4,
    "slow": lambda x: _stretched(x, 1.25),
    "fast": lambda x: _stretched(x, 0.8),
    "reversed": lambda x: x.flip(-1),
}
_TEXT_VIEWS: dict[str, Callable[[list[str]], list[str]]] = {
    "plain": lambda words: words,
    "reversed": lambda words: words[::-1],
    "doubled": lambda words: words + words,
}
