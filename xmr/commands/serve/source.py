"""A frozen source behind an address: files or texts in, what its classes or features are out."""

from __future__ import annotations

import base64
import binascii
import io
import wave
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from xmr.commands.serve.model import each
from xmr.core.spaces import PixelSpace, SourceInput, TokenInput, TokenSpace, WaveSpace
from xmr.errors import Problem, RecipeError
from xmr.sources.base import Source

Outputs = Literal["probabilities", "logits", "features"]


class ServedSource:
    """A source of images, audio clips or texts, as `http_image`, `http_audio` and `http_text` ask it."""

    def __init__(self, source: Source, name: str, outputs: Outputs) -> None:
        self.source, self.name, self.outputs = source, name, outputs
        self.output_names = source.class_names if outputs != "features" else ()
        readers: dict[str, tuple[Callable[[Any], Any], Callable[[list[Any]], SourceInput]]] = {
            "pixel": (self._image, self._pixels),
            "wave": (self._clip, self._waves),
            "token": (self._text, self._tokens),
        }
        if source.space_kind not in readers or (source.space_kind == "token" and source.tokenize is None):
            expected = "a source of images, audio clips or texts"
            raise RecipeError(Problem("source serve", f"{name!r}, which cannot be asked by others", expected))
        self._read, self._input = readers[source.space_kind]

    def read(self, items: list[Any]) -> list[Any]:
        """See `ServedModel.read`."""
        return each(self._read, items)

    def answer(self, items: list[Any]) -> np.ndarray:
        """See `ServedModel.answer`: (n, K_S), or (n, D') features, of texts the mean over their tokens."""
        with torch.inference_mode():
            features = self.source(self._input(items)).mean().float()
            if self.outputs == "features":
                return features.numpy()
            logits = self.source.answers(features).float()
            return (logits if self.outputs == "logits" else torch.softmax(logits, dim=1)).numpy()

    def _image(self, item: Any) -> Tensor:
        """A PNG or JPEG file in base64, or (H, W, C) numbers in [0, 1] -> (C, H, W)."""
        from PIL import Image, UnidentifiedImageError

        space: PixelSpace = self.source.space  # type: ignore[assignment]
        if isinstance(item, dict):
            try:
                with Image.open(io.BytesIO(_file(item)), formats=("PNG", "JPEG")) as image:
                    if image.size != (space.width, space.height):
                        raise ValueError(_other(f"an image of {image.size[0]} x {image.size[1]} pixels", space))
                    values = np.asarray(image.convert("RGB"), np.float32) / 255
            except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
                raise ValueError(_other("a file that is no image", space)) from None
        else:
            values = np.array(item, np.float32)
        if values.shape != (space.height, space.width, space.channels) or not np.isfinite(values).all():
            raise ValueError(_other(f"numbers of shape {values.shape}", space))
        return torch.from_numpy(values).permute(2, 0, 1).clamp(0, 1)

    def _pixels(self, items: list[Any]) -> SourceInput:
        return self.source.space.input_of(torch.stack(items))

    def _clip(self, item: Any) -> Tensor:
        """A WAV file of 16 bits in base64, or numbers in [-1, 1] -> (samples,)."""
        space: WaveSpace = self.source.space  # type: ignore[assignment]
        expected = f"a mono WAV file of 16 bits, {space.rate:,} samples per second, {space.samples:,} samples"
        if isinstance(item, dict):
            try:
                with wave.open(io.BytesIO(_file(item))) as file:
                    facts = (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes())
                    if facts != (1, 2, space.rate, space.samples):
                        raise ValueError(f"found {facts} channels, bytes, rate and samples; expected {expected}")
                    values = np.frombuffer(file.readframes(space.samples), "<i2").astype(np.float32) / 32767
            except (wave.Error, EOFError):
                raise ValueError(f"found a file that is no WAV file; expected {expected}") from None
        else:
            values = np.array(item, np.float32)
        if values.shape != (space.samples,) or not np.isfinite(values).all():
            raise ValueError(f"found numbers of shape {values.shape}; expected {expected}")
        return torch.from_numpy(values).clamp(-1, 1)

    def _waves(self, items: list[Any]) -> SourceInput:
        return self.source.space.input_of(torch.stack(items))

    def _text(self, item: Any) -> list[int]:
        """A text -> token ids, as many as the source takes."""
        text = item.get("text") if isinstance(item, dict) else item
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"found {str(item)[:40]!r}; expected a text")
        assert self.source.tokenize is not None
        space: TokenSpace = self.source.space  # type: ignore[assignment]
        ids = self.source.tokenize([text])[0]
        if len(ids) > space.max_length:
            raise ValueError(f"found {len(ids):,} tokens; expected at most {space.max_length:,}")
        return ids

    def _tokens(self, items: list[Any]) -> SourceInput:
        space: TokenSpace = self.source.space  # type: ignore[assignment]
        lengths = torch.tensor([len(ids) for ids in items])
        padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in items], batch_first=True)
        mask = torch.arange(padded.shape[1]) < lengths[:, None]
        embeddings = space.embedding[padded].float() * mask[..., None]
        return TokenInput(embeddings, mask, 0, padded.shape[1], bool(mask.all()))


def _file(item: dict[str, Any]) -> bytes:
    """The bytes of {"b64": ...}."""
    try:
        return base64.b64decode(item["b64"], validate=True)
    except (KeyError, TypeError, binascii.Error, ValueError):
        raise ValueError('found no file in base64; expected {"b64": "..."}') from None


def _other(found: str, space: PixelSpace) -> str:
    size = f"{space.width} x {space.height} pixels"
    return f"found {found}; expected an RGB image (PNG, JPEG or numbers in [0, 1]) of {size}"
