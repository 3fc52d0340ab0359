"""Letters in the fonts of matplotlib: an image data set that needs no network."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from xmr.data.readers.images import records_of
from xmr.data.records import Records
from xmr.errors import DataError, Problem

LETTERS = "ABCDEFGHKLMNRST"
SIDE, COPIES, FONTS = 32, 4, 20
_FONTS = ("DejaVuSans", "DejaVuSerif", "STIXGeneral", "cmb10", "cmr10", "cmss10", "cmtt10")


def glyphs() -> Records:
    """Fifteen capital letters in twenty fonts, each four times: turned, shifted, resized, in gray on gray, 32 x 32.

    The images are always the same: the seed is fixed. Raises DataError where matplotlib was
    installed without some of its fonts, which would make another set of the same name.
    """
    import matplotlib
    from PIL import Image, ImageDraw, ImageFont

    rng = np.random.default_rng(20)
    folder = Path(matplotlib.get_data_path(), "fonts", "ttf")
    fonts = [p for p in sorted(folder.glob("*.ttf")) if p.stem.startswith(_FONTS) and "Display" not in p.stem]
    if len(fonts) != FONTS:
        found = f"{len(fonts)} of matplotlib's fonts in {folder}"
        raise DataError(Problem("data.dataset: glyphs", found, f"its {FONTS}: reinstall matplotlib with pip"))
    images, labels = [], []
    for path in fonts:
        for letter in LETTERS:
            for _ in range(COPIES):
                ground, ink = rng.integers(0, 256, 2)
                if abs(int(ground) - int(ink)) < 70:
                    ink = (int(ground) + 128) % 256
                canvas = Image.new("L", (SIDE * 2, SIDE * 2), int(ground))
                font = ImageFont.truetype(str(path), int(rng.integers(30, 52)))
                across, down = SIDE + rng.uniform(-6, 6, 2)
                ImageDraw.Draw(canvas).text((across, down), letter, fill=int(ink), font=font, anchor="mm")
                turned = canvas.rotate(float(rng.uniform(-20, 20)), Image.Resampling.BILINEAR, fillcolor=int(ground))
                images.append(np.asarray(turned.resize((SIDE, SIDE), Image.Resampling.BOX)))
                labels.append(letter)
    return records_of(np.stack(images), labels, "letters in matplotlib's fonts")
