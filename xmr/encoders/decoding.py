"""An image file of any common format, depth and orientation to an 8-bit array of one size."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xmr.encoders.budget import Budget

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
MAX_PIXELS = 89_478_485  # of one image: 1 GiB at 12 bytes each, what decoding takes at most; Pillow's own limit
AT_ONCE = 100_000_000  # pixels that all threads together may be decoding
BAND = 1 << 22  # pixels converted at a time where a conversion needs copies
BLOCK = 1 << 26  # bytes; at 16 MiB, Pillow's own, glibc keeps what a thread gave back for this thread alone
SIXTEEN = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_DAMAGED = (OSError, SyntaxError, EOFError, ValueError)  # what Pillow raises for damaged files


class _Bounded(io.BufferedReader):
    """A file that reserves no memory for bytes it does not have, however many are asked for.

    Pillow asks for what a chunk of a PNG announces, and Python reserves that before it reads: 4 GB for 300 bytes.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path))
        self._size = os.fstat(self.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        """See `io.BufferedReader.read`."""
        left = max(0, self._size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


@dataclass(frozen=True)
class Decoding:
    """How a file becomes an array: all that a thread needs. Threads that share it share its budget of pixels."""

    channels: int
    size: int | None
    resize: str
    interpolation: str
    background: int
    budget: Budget = field(default_factory=lambda: Budget(AT_ONCE))

    def read(self, path: Path) -> np.ndarray:
        """(H, W, C) uint8. Raises ValueError with what was found."""
        from PIL import Image as Pillow
        from PIL import ImageOps

        try:
            with _Bounded(path) as handle, Pillow.open(handle, formats=FORMATS) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    raise _Refused(_too_large(f"{opened.width:,} x {opened.height:,}"))
                if opened.format == "TIFF" and opened.tile:  # what no strip covers would silently be black
                    right, bottom = (max(tile[1][side] for tile in opened.tile if tile[1]) for side in (2, 3))
                    if right * bottom < opened.width * opened.height:
                        found = f"strips of {right:,} x {bottom:,} in {opened.width:,} x {opened.height:,} pixels"
                        raise _Refused(f"found a damaged image ({found}); expected a whole one")
                pixels = opened.width * opened.height
                if opened.format == "JPEG" and self.size and self.resize == "stretch":
                    opened.draft("RGB", (2 * self.size, 2 * self.size))  # decodes smaller, faster
                    if not opened.info.get("progressive"):  # whose coefficients are all held at once
                        pixels = opened.width * opened.height
                with self.budget.of(pixels):
                    ImageOps.exif_transpose(opened, in_place=True)
                    made = self.array(opened)
                    opened.close()  # gives its memory back, before another thread begins
                return made
        except Pillow.UnidentifiedImageError:
            raise ValueError(f"found no image; expected one of {', '.join(FORMATS)}") from None
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
            raise ValueError(_too_large("too many")) from None
        except _Refused:
            raise
        except _DAMAGED as error:
            reason = str(error)[:80] or type(error).__name__
            raise ValueError(f"found a damaged image ({reason}); expected a whole one") from None

    def __post_init__(self) -> None:
        """Have Pillow take large images' memory in blocks that go back to the system."""
        from PIL import Image as Pillow

        Pillow.core.set_block_size(BLOCK)

    def array(self, picture: Any) -> np.ndarray:
        """Any mode to gray or RGB of eight bits, then to the size asked for."""
        picture = self._plain(picture, "L" if self.channels == 1 else "RGB")
        if self.size is not None:
            picture = _sized(picture, self.size, self.resize, self.interpolation, self.background)
        made = np.asarray(picture)
        return made[..., None] if made.ndim == 2 else made

    def _plain(self, picture: Any, mode: str) -> Any:
        """The image in this mode, over the background where it is transparent."""
        from PIL import Image as Pillow

        if picture.mode in SIXTEEN:  # 65,535 is white
            return Pillow.fromarray(_eight_bits(np.asarray(picture))).convert(mode)
        if picture.mode == "F":
            raise _Refused("found an image of floats; expected 8 or 16 bits a channel")
        if picture.mode in ("LAB", "HSV"):
            raise _Refused(f"found an image in {picture.mode} colors; expected gray, RGB or CMYK")
        if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
            return _in_bands(picture, mode, lambda band: self._over_background(band).convert(mode))
        return picture if picture.mode == mode else picture.convert(mode)

    def _over_background(self, picture: Any) -> Any:
        from PIL import Image as Pillow

        clear = picture.convert("RGBA")
        return Pillow.alpha_composite(Pillow.new("RGBA", clear.size, (self.background,) * 3 + (255,)), clear)


class _Refused(ValueError):
    """A message of our own among what Pillow raises."""


def _too_large(found: str) -> str:
    return f"found {found} pixels; expected at most {MAX_PIXELS:,} in all: a smaller copy"


def _in_bands(picture: Any, mode: str, convert: Callable[[Any], Any]) -> Any:
    """A conversion that treats each pixel alone, some rows at a time, so that its copies are small."""
    from PIL import Image as Pillow

    width, height = picture.size
    rows = max(1, BAND // width)
    if rows >= height:
        return convert(picture)
    made = Pillow.new(mode, picture.size)
    for top in range(0, height, rows):
        made.paste(convert(picture.crop((0, top, width, min(height, top + rows)))), (0, top))
    return made


def _eight_bits(deep: np.ndarray) -> np.ndarray:
    """(H, W) from 0 to 65,535 -> uint8, some rows at a time."""
    low, high = deep.min(), deep.max()
    if low < 0 or high > 65535:
        raise _Refused(f"found values from {low} to {high}; expected 0 to 65,535")
    made = np.empty(deep.shape, np.uint8)
    rows = max(1, BAND // deep.shape[1])
    for top in range(0, len(deep), rows):
        made[top : top + rows] = (deep[top : top + rows] / 257).round()
    return made


def _sized(picture: Any, size: int, fit: str, interpolation: str, background: int) -> Any:
    """Stretch, crop the middle, or pad to a square."""
    from PIL import Image as Pillow
    from PIL import ImageOps

    square = (size, size)
    if picture.size == square:
        return picture
    how = {
        "nearest": Pillow.Resampling.NEAREST,
        "bilinear": Pillow.Resampling.BILINEAR,
        "bicubic": Pillow.Resampling.BICUBIC,
        "area": Pillow.Resampling.BOX,
    }[interpolation]
    if fit == "crop":
        return ImageOps.fit(picture, square, how)
    if fit == "pad":
        if round(size * min(picture.size) / max(picture.size)) < 1:
            found = f"{picture.width:,} x {picture.height:,} pixels"
            raise _Refused(f"found {found}; expected a less narrow image for encoder.resize: pad at size {size}")
        return ImageOps.pad(picture, square, how, color=(background,) * len(picture.getbands()))
    return picture.resize(square, how)
