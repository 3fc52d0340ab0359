"""A picture file of any common format, depth and orientation to one array of eight bits and one size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")


@dataclass(frozen=True)
class Decoding:
    """How a file becomes an array: all that a thread needs."""

    channels: int
    size: int | None
    fit: str
    interpolation: str
    background: int

    def read(self, path: Path) -> np.ndarray:
        """(H, W, C) uint8. Raises ValueError with what was found."""
        from PIL import Image as Pillow
        from PIL import ImageOps

        if not path.is_file():
            raise ValueError("found no such file; expected a picture")
        if path.stat().st_size == 0:
            raise ValueError("found a file of zero bytes; expected a picture")
        try:
            with warnings.catch_warnings(), Pillow.open(path, formats=FORMATS) as opened:
                warnings.simplefilter("error", Pillow.DecompressionBombWarning)
                if opened.format == "JPEG" and self.size and self.fit == "stretch":
                    opened.draft("RGB", (2 * self.size, 2 * self.size))  # decodes smaller, faster
                turned = ImageOps.exif_transpose(opened)
                return self.array(turned)
        except Pillow.UnidentifiedImageError:
            raise ValueError(f"found no picture; expected one of {', '.join(FORMATS)}") from None
        except (Pillow.DecompressionBombError, Pillow.DecompressionBombWarning):
            raise ValueError("found more pixels than are safe to decode; expected a smaller picture") from None
        except (OSError, SyntaxError, EOFError, ValueError) as error:
            if str(error).startswith("found "):
                raise
            raise ValueError(f"found a damaged picture ({str(error)[:80]}); expected a whole one") from None

    def array(self, picture: Any) -> np.ndarray:
        """Any mode to grey or RGB of eight bits, then to the size asked for."""
        from PIL import Image as Pillow

        mode = "L" if self.channels == 1 else "RGB"
        if picture.mode in ("I", "I;16", "I;16B", "I;16L"):  # sixteen bits: 65,535 is white
            deep = np.asarray(picture).astype(np.float64)
            if deep.min() < 0 or deep.max() > 65535:
                raise ValueError(f"found values from {deep.min():g} to {deep.max():g}; expected 0 to 65,535")
            picture = Pillow.fromarray((deep / 257).round().astype(np.uint8))
        elif picture.mode == "F":
            raise ValueError("found a picture of floats; expected 8 or 16 bits a channel")
        elif picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
            clear = picture.convert("RGBA")
            ground = Pillow.new("RGBA", clear.size, (self.background,) * 3 + (255,))
            picture = Pillow.alpha_composite(ground, clear)
        picture = picture.convert(mode)
        if self.size is not None:
            picture = _sized(picture, self.size, self.fit, self.interpolation, self.background)
        made = np.asarray(picture)
        return made[..., None] if made.ndim == 2 else made


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
        return ImageOps.pad(picture, square, how, color=(background,) * len(picture.getbands()))
    return picture.resize(square, how)
