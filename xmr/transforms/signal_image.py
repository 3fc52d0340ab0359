"""A signal rendered as an image, which then gets a learned border or watermark."""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Gt, Le, MinLen
from pydantic import Field
from torch import Generator, Tensor

from xmr.core.component import Section
from xmr.core.kinds import Batch, ImageBatch, ImageSpec, SignalBatch, SignalSpec, Spec
from xmr.core.spaces import PixelInput, PixelSpace, Space
from xmr.transforms.base import Transform
from xmr.transforms.frame import Border, Watermark
from xmr.transforms.front import front_of
from xmr.transforms.pixels import Interpolation, PixelTransform, inner_size, resize
from xmr.transforms.render import (
    Encoding,
    differences,
    fixed_range,
    gramian,
    mosaic,
    recurrence,
    segments,
    spectrogram,
    unit,
)

ValueRange = Literal["per_sample", "fixed"]
Order = Annotated[int, Ge(0), Le(1)]
Width = Annotated[float, Gt(0), Le(8)]


class View(Section):
    """One way of rendering a signal; see the arguments of `SignalImage`."""

    value_range: ValueRange = "per_sample"
    segment_width: Width = 1.0
    difference: Order = 0
    encoding: Encoding | None = Field(None, description="in place of `encodings`")


class SignalImage(Transform):
    """Render each signal as an image (one encoding per color channel, signal channels as a mosaic); then border or
    watermark.

    Without a front end, an image depends only on its record and is rendered once. Location: input; operator:
    concatenative (border) or additive (watermark). Source: Hung et al. 2023 (music to speech models), arXiv
    2211.01317; image encodings as in `xmr.transforms.render`.

    Where `segment_width`, `value_range` or `difference` have several values, each program of an ensemble uses the next
    combination; `segment_width` changes fastest, `difference` slowest. `views` lists the combinations instead.

    Args:
        encodings: image encoding of all color channels, or one for each: spectrogram, gramian, recurrence, segments.
        value_range: black to white is the range of each record, or three standard deviations either side of the mean
            (`fixed`, which keeps the amplitude; for series normalized by training statistics).
        segment_width: samples per segment, as a multiple of the square root of the signal's length.
        difference: 0 renders the signal, 1 its first differences, in units of each record's root mean square.
        views: in place of the last three arguments, what each program of an ensemble renders: a list of sections of
            `value_range`, `segment_width`, `difference` and `encoding`.
        frame: learn a `border` around the image, or a `watermark` on it.
        scale: border: side of the rendered image as a fraction of the source's side.
        interpolation: how a rendered image is resized.
        front: filters at each of four dilations of a learned multi-scale front end before rendering; 0: none.
    """

    takes: ClassVar[str] = "signal"
    space: ClassVar[str] = "pixel"

    def __init__(
        self,
        encodings: list[Encoding] | None = None,
        frame: Literal["border", "watermark"] = "watermark",
        value_range: ValueRange | Annotated[list[ValueRange], MinLen(1)] = "per_sample",
        segment_width: Width | Annotated[list[Width], MinLen(1)] = 1.0,
        difference: Order | Annotated[list[Order], MinLen(1)] = 0,
        views: Annotated[list[View], MinLen(1)] | None = None,
        scale: Annotated[float, Gt(0), Le(1)] = 0.75,
        interpolation: Interpolation = "bilinear",
        front: Annotated[int, Ge(0), Le(256)] = 0,
    ) -> None:
        super().__init__()
        self.encodings, self.frame, self.scale = encodings or ["segments"], frame, scale
        orders = difference if isinstance(difference, list) else [difference]
        ranges = value_range if isinstance(value_range, list) else [value_range]
        widths = segment_width if isinstance(segment_width, list) else [segment_width]
        fields = ("difference", "value_range", "segment_width")
        made: list[Any] = views or [dict(zip(fields, view)) for view in product(orders, ranges, widths)]
        self.views = [View.model_validate(view) for view in made]
        self.interpolation, self.front_filters = interpolation, front

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """The frame starts at zero; each image is rendered at its final size."""
        assert isinstance(spec, SignalSpec)
        assert isinstance(space, PixelSpace)
        self.front = front_of(spec.channels, spec.channels, self.front_filters, generator)
        if self.frame == "border":
            inner: PixelTransform = Border(self.scale, interpolation=self.interpolation)
            self.size = inner_size(space, self.scale)
        else:
            inner = Watermark(interpolation=self.interpolation)
            self.size = space.height, space.width
        self.inner = inner.build(ImageSpec(space.channels, *self.size), space, generator)
        self.colors = space.channels
        return self

    def drawn(self, values: Tensor, mask: Tensor, view: View) -> Tensor:
        """(B, C, L), (B, L) -> (B, encodings, h, w) in [0, 1], each encoding once; `colored` assigns them to
        channels.
        """
        rows, channels, length = values.shape
        flat, made = values.reshape(rows * channels, length), []
        if view.difference:
            flat = differences(flat, mask.repeat_interleave(channels, dim=0))
        for name in self.encodings[: self.colors]:
            picture = self._drawing(view.encoding or name, flat, view)
            whole = mosaic(picture.reshape(rows, channels, *picture.shape[1:]))
            made.append(resize(whole[:, None], *self.size, self.interpolation))
        return torch.cat(made, dim=1)

    def colored(self, drawn: Tensor) -> Tensor:
        """(B, encodings, h, w) -> (B, colors, h, w): the encodings in turn."""
        if drawn.shape[1] == 1:
            return drawn.expand(-1, self.colors, -1, -1)
        return drawn[:, [color % drawn.shape[1] for color in range(self.colors)]]

    def _drawing(self, name: Encoding, flat: Tensor, view: View) -> Tensor:
        """Render signals (n, L) with one encoding: (n, h, w)."""
        if name == "spectrogram":
            return spectrogram(flat)
        levels = fixed_range(flat) if view.value_range == "fixed" else unit(flat)
        if name == "segments":
            return segments(levels, view.segment_width)
        return gramian(levels) if name == "gramian" else recurrence(levels)

    def precompute(self, encoded: Batch) -> Tensor | None:
        """The rendered images as 8-bit values, if there is no front end: (B, views, encodings, h, w)."""
        if self.front is not None:
            return None
        assert isinstance(encoded, SignalBatch)
        views = self.views[: self.programs]
        return torch.stack([self.eight_bit(encoded, view) for view in views], dim=1)

    def eight_bit(self, encoded: SignalBatch, view: View) -> Tensor:
        """The rendered images of each signal: (B, encodings, h, w) bytes."""
        return (self.drawn(encoded.values, encoded.mask, view) * 255).round().to(torch.uint8)

    def forward(self, encoded: Batch) -> PixelInput:
        """(B, C, L) -> (B, colors, H, W)."""
        assert isinstance(encoded, SignalBatch)
        mine = self.member % len(self.views)
        if self.front is not None:
            pictures = self.drawn(self.front(encoded.values), encoded.mask, self.views[mine])
        else:
            held = encoded.precomputed
            pictures = self.eight_bit(encoded, self.views[mine]) if held is None else held[:, mine]
            pictures = pictures.float() / 255
        return self.inner(ImageBatch(self.colored(pictures)))
