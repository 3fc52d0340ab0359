"""Images of any common format to uint8 arrays of one size: decoded once, in threads."""

from __future__ import annotations

import math
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from torch import Generator

from xmr.core.kinds import Batch, ImageBatch, ImageSet, ImageSpec
from xmr.data.readers.images import records_of
from xmr.data.readers.media import Media, files_at, files_of
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.encoders.decoding import FORMATS, Decoding
from xmr.encoders.positions import shuffle, shuffled_order, unshuffle
from xmr.encoders.state import whole
from xmr.errors import DataError, Problem, RecipeError
from xmr.tasks.base import task_class

MEMORY = 2 << 30  # bytes of decoded images kept in memory; beyond it they go to a memory-mapped temporary file
THREADS = 8


class ImageEncoder(Encoder):
    """Images of one size and number of channels.

    Files: PNG, JPEG, BMP, GIF (first frame), TIFF, WebP, PPM; gray, RGB, palette, with or without transparency, 8 or 16
    bits; turned as their EXIF orientation says. Arrays: see `readers/images.py`. Each file is decoded once, in threads.

    Args:
        size: side in pixels; null: unchanged, which needs images of equal size.
        resize: how another shape becomes square: stretched, cropped to the center, or padded with `background`.
        interpolation: how an image is resized.
        channels: 3 (RGB) or 1 (gray).
        background: gray level, 0 to 255, of transparent and padded pixels.
        flip: in training, mirror images left to right with probability 1/2.
        crop: in training, crop a random window of 1 - crop of each side and resize it (32 of 256 pixels: 0.125).
        area: in training, crop a window of a fraction of the area from `area` to 1, of a shape from 3:4 to 4:3, and
            resize it (torchvision's RandomResizedCrop starts at 0.08); null: none.
        shuffle: control; `positions` permutes the pixels of every image in one fixed order.
    """

    emits: ClassVar[str] = "image"
    drafting: ClassVar[dict[str, Any]] = {"size": 32}
    reads: ClassVar[str] = "images"

    def __init__(
        self,
        size: Annotated[int, Ge(1), Le(4096)] | None = None,
        resize: Literal["stretch", "crop", "pad"] = "stretch",
        interpolation: Literal["nearest", "bilinear", "bicubic", "area"] = "bilinear",
        channels: Literal[1, 3] = 3,
        background: Annotated[int, Ge(0), Lt(256)] = 255,
        flip: bool = False,
        crop: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0,
        area: Annotated[float, Gt(0.0), Lt(1.0)] | None = None,
        shuffle: Literal["none", "positions"] = "none",
    ) -> None:
        self.size, self.resize, self.interpolation, self.channels = size, resize, interpolation, channels
        if crop and area is not None:
            raise RecipeError(Problem("encoder.area", f"{area} and crop: {crop}", "one of them"))
        self.background, self.flip, self.crop, self.area, self.shuffle = background, flip, crop, area, shuffle
        self.height: int | None = size
        self.width: int | None = size
        self._decoded: dict[str, tuple[np.ndarray, int]] = {}  # path -> (block, row), until `encode` takes it
        self._digests: dict[str, str] = {}
        self._held = 0

    @property
    def spec(self) -> ImageSpec:
        """Channels and size, known once `fit` was called."""
        assert self.height is not None
        assert self.width is not None
        return ImageSpec(self.channels, self.height, self.width)

    def _rules(self) -> Decoding:
        return Decoding(self.channels, self.size, self.resize, self.interpolation, self.background)

    def check(self, records: Records, *, fitted: bool = False) -> dict[int, str]:
        """Images that cannot be read, or differ in size if no size is given. What was decoded is kept."""
        if records.arrays is not None:
            shape = (self.height, self.width)
            found = records.arrays.shape[1:3]
            if None not in shape and self.size is None and fitted and found != shape:
                message = f"found {found[1]} x {found[0]} pixels; expected {shape[1]} x {shape[0]} as in training"
                return dict.fromkeys(range(len(records)), message)
            return {}
        wrong = self._decode(records)
        if self.size is None:
            wrong |= self._of_another_size(records, wrong)
        return wrong

    def _of_another_size(self, records: Records, wrong: dict[int, str]) -> dict[int, str]:
        """Without `size`, every image must be as large as the first (or as those of training)."""
        expected = self._size
        other: dict[int, str] = {}
        for index, text in enumerate(self._keys(records)):
            if index in wrong:
                continue
            block, row = self._decoded[text]
            expected = expected or block[row].shape[:2]
            if block[row].shape[:2] != expected:
                other[index] = _of_size(block[row], expected)
        return other

    @property
    def _size(self) -> tuple[int, int] | None:
        """(height, width) of every image, if known."""
        return None if self.height is None or self.width is None else (self.height, self.width)

    def _keys(self, records: Records) -> list[str]:
        return [f"{records.file}\t{text}" for text in records.inputs]

    def _decode(self, records: Records) -> dict[int, str]:
        """Decode what is not decoded yet, in threads -> index: what is wrong with it."""
        keys, media = self._keys(records), Media(records.file, "an image")
        wrong: dict[int, str] = {}
        new = [i for i, key in enumerate(keys) if key not in self._decoded]
        if not new:
            return wrong
        from PIL import Image as Pillow

        rules = self._rules()

        def one(index: int) -> np.ndarray | str:
            """An image, (height, width, channels) uint8, or what is wrong with its file."""
            try:
                return rules.read(media.path(records.inputs[index]))
            except ValueError as error:
                return str(error)

        before = (self._decoded[key][0].shape[1:3] for key in keys if key in self._decoded)
        expected = self._size or next(before, None)
        block: np.ndarray | None = None
        with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)  # `Decoding` refuses them
            for row, (index, made) in enumerate(zip(new, pool.map(one, new))):
                if isinstance(made, str):
                    wrong[index] = made
                    continue
                expected = expected or made.shape[:2]
                if made.shape[:2] != expected:
                    wrong[index] = _of_size(made, expected)
                    continue
                if block is None:
                    block = self._block((len(new), *made.shape))
                block[row] = made
                self._decoded[keys[index]] = (block, row)
        return wrong

    def _block(self, shape: tuple[int, ...]) -> np.ndarray:
        """Memory for images: in RAM, or a memory-mapped file that is deleted after use."""
        size = int(np.prod(shape))
        self._held += size
        if self._held <= MEMORY:
            return np.empty(shape, dtype=np.uint8)
        with tempfile.TemporaryFile() as handle:
            return np.memmap(handle, dtype=np.uint8, mode="w+", shape=shape)

    def fit(self, records: Records) -> Self:
        """Store the size of the images if none was given."""
        if records.arrays is not None and self.size is None:
            self.height, self.width = records.arrays.shape[1:3]
            self.channels = 1 if records.arrays.shape[3] == 1 else self.channels
        elif self.size is None:
            self.require_valid(records)
            block, row = self._decoded[self._keys(records)[0]]
            self.height, self.width = block[row].shape[:2]
        return self

    def encode(self, records: Records) -> ImageSet:
        """All images as one array. Raises DataError for what `check` would have named."""
        self.require_valid(records)
        spec = self.spec
        if records.arrays is not None:
            values = self._fitted_arrays(records.arrays)
        else:
            spots = [self._decoded.pop(key) for key in self._keys(records)]
            first = spots[0][0] if spots else np.empty((0, spec.height, spec.width, spec.channels), np.uint8)
            rows = np.array([row for _, row in spots], dtype=np.int64)
            if spots and all(block is first for block, _ in spots):
                whole = len(rows) == len(first) and (rows == np.arange(len(rows))).all()
                values = first if whole or isinstance(first, np.memmap) else first[rows]
                if isinstance(first, np.memmap) and not whole:
                    values = self._copied(spots)
            else:
                values = self._copied(spots)
            self._held = max(0, self._held - values.size)
        if self.shuffle == "positions":
            pixels = spec.height * spec.width
            values = values.reshape(len(values), pixels, spec.channels)[:, shuffled_order(pixels)].reshape(values.shape)
        return ImageSet(values)

    def _copied(self, spots: list[tuple[np.ndarray, int]]) -> np.ndarray:
        spec = self.spec
        values = self._block((len(spots), spec.height, spec.width, spec.channels))
        for number, (block, row) in enumerate(spots):
            values[number] = block[row]
        return values

    def _fitted_arrays(self, arrays: np.ndarray) -> np.ndarray:
        """Arrays with the encoder's channels and size."""
        if arrays.shape[3] != self.channels:
            gray = arrays.mean(axis=3, keepdims=True).round().astype(np.uint8)
            arrays = gray if self.channels == 1 else np.repeat(arrays[..., :1], 3, axis=3)
        if self.size is None or arrays.shape[1:3] == (self.height, self.width):
            return arrays
        from PIL import Image as Pillow

        rules = self._rules()
        with ThreadPoolExecutor(THREADS) as pool:
            made = pool.map(
                lambda row: rules.array(Pillow.fromarray(row[..., 0] if row.shape[2] == 1 else row)), arrays
            )
            return np.stack(list(made)) if len(arrays) else np.empty((0, *self._shape()), np.uint8)

    def _shape(self) -> tuple[int, int, int]:
        return self.spec.height, self.spec.width, self.spec.channels

    def augment(self, encoded: Batch, generator: Generator) -> Batch:
        """Flip and crop by one sampling grid for the whole batch."""
        if not self.flip and not self.crop and self.area is None:
            return encoded
        assert isinstance(encoded, ImageBatch)
        values = encoded.values
        if self.shuffle == "positions":
            values = unshuffle(values.flatten(2)).view_as(values)
        n, share = len(values), 1 - self.crop
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0] = theta[:, 1, 1] = share
        if self.area is not None:
            part = self.area + (1 - self.area) * torch.rand(n, generator=generator)
            shape = torch.exp((torch.rand(n, generator=generator) * 2 - 1) * math.log(4 / 3))  # width by height
            theta[:, 0, 0], theta[:, 1, 1] = (part * shape).sqrt().clamp(max=1), (part / shape).sqrt().clamp(max=1)
            sides = torch.stack([theta[:, 0, 0], theta[:, 1, 1]], dim=1)
            theta[:, :, 2] = (torch.rand(n, 2, generator=generator) * 2 - 1) * (1 - sides)
        if self.flip:
            theta[:, 0, 0] *= torch.randint(0, 2, (n,), generator=generator) * 2.0 - 1
        if self.crop:
            theta[:, :, 2] = (torch.rand(n, 2, generator=generator) * 2 - 1) * self.crop
        grid = F.affine_grid(theta, list(values.shape), align_corners=False)
        varied = F.grid_sample(values, grid, padding_mode="border", align_corners=False)
        return ImageBatch(shuffle(varied.flatten(2)).view_as(varied) if self.shuffle == "positions" else varied)

    @classmethod
    def from_array(cls, X: Any) -> Records:
        """Paths, or an array (n, height, width) or (n, height, width, channels)."""
        return files_at(X) or records_of(np.asarray(X), None, "<memory>")

    def from_json(self, items: list[Any], folder: Path) -> Records:
        """See `Encoder.from_json`: files."""
        return files_of(items, folder)

    def state(self) -> dict[str, Any]:
        """Size and channels."""
        return {"height": self.height, "width": self.width, "channels": self.channels}

    def restore(self, state: dict[str, Any]) -> Self:
        """The inverse of `state`."""
        self.height, self.width = (whole(state, key, 1, 1 << 16) for key in ("height", "width"))
        self.channels = 1 if whole(state, "channels", 1, 3) == 1 else 3
        return self

    def example(self, n: int, seed: int, task: str = "classification") -> Records:
        """Noise with a bright square whose corner is the label."""
        rng = np.random.default_rng(seed)
        side = self.size or 12
        label = np.arange(n) % 2
        images = rng.integers(0, 120, (n, side, side, self.channels)).astype(np.uint8)
        half = max(1, side // 2)
        images[label == 1, :half, :half] += 120
        images[label == 0, -half:, -half:] += 120
        brightness = images.mean(axis=(1, 2, 3))
        records = records_of(images, None, "<example>")
        bright = (brightness > np.median(brightness)).tolist()
        records.labels = task_class(task).example_labels((brightness / 256 - label).tolist(), bright)
        return records

    def facts(self, records: Records) -> dict[str, np.ndarray]:
        """Width, height and size of the files; arrays have none of them."""
        if records.arrays is not None:
            return {}
        from PIL import Image as Pillow

        media = Media(records.file, "an image")

        def one(name: str) -> tuple[float, float, float]:
            """The facts of a file, from its header."""
            path = media.path(name)
            with Pillow.open(path, formats=FORMATS) as opened:
                return opened.width, opened.height, path.stat().st_size

        with ThreadPoolExecutor(THREADS) as pool:
            found = np.array(list(pool.map(one, records.inputs)), dtype=float).reshape(-1, 3)
        return dict(zip(("the width", "the height", "the file size"), found.T))

    def canonical(self, records: Records) -> list[str]:
        """A digest of each file's bytes, or of each array."""
        if records.arrays is not None:
            return records.inputs
        keys, media = self._keys(records), Media(records.file, "an image")
        new = [i for i, key in enumerate(keys) if key not in self._digests]

        def one(index: int) -> str:
            """A digest. The file was read before: what is wrong now has changed since."""
            try:
                return media.digest(records.inputs[index])
            except ValueError as error:
                raise DataError(records.problem(index, str(error))) from error

        with ThreadPoolExecutor(THREADS) as pool:
            self._digests.update(zip([keys[i] for i in new], pool.map(one, new)))
        return [self._digests[key] for key in keys]


def _of_size(picture: np.ndarray, expected: tuple[int, ...]) -> str:
    """That an image (H, W, C) is not of the size that all the others have."""
    return (
        f"found {picture.shape[1]} x {picture.shape[0]} pixels; "
        f"expected {expected[1]} x {expected[0]} like the others, or a size in encoder.size"
    )
