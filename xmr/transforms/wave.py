"""A signal placed in a long wave, with a learned pattern added to it: the program of Voice2Series, and its variants."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt, Le, Lt
from torch import Generator, Tensor, nn

from xmr.core.generators import Dropout
from xmr.core.kinds import Batch, SignalBatch, SignalSpec, Spec
from xmr.core.spaces import Space, WaveInput, WaveSpace
from xmr.errors import Problem, RecipeError
from xmr.transforms.base import Transform
from xmr.transforms.front import front_of

Layout = Literal["pad", "center", "repeat", "stretch", "rates"]


class WavePattern(Transform):
    """x' = g place(x) + M theta: theta has one number per sample of the source's wave, g is a learned gain.

    Channels are concatenated before they are placed. A signal longer than the wave is compressed to fit. Where the
    source starts with a linear spectrum S, S(x') = g S(place(x)) + S(M theta): the first term is computed once per
    record, the second once per step. Parameters: samples + 1. Location: input; operator: additive. Source:
    Voice2Series, arXiv 2106.09296, eq. 2.

    Args:
        layout: place of the signal in the wave: `pad` at the start, `center` in the middle, `repeat` as many copies as
            fit at equal distances, `stretch` over the whole wave, `rates` copies stretched to 1/8, 1/8, 1/4 and 1/2 of
            the wave, one after the other.
        repeats: copies of `repeat`; null: as many as fit.
        everywhere: add theta to the signal as well (M = 1), not only around it.
        gain: initial factor g of the signal; z-scored series lie far outside a wave's -1 to 1.
        learn_gain: train g, one per channel.
        dropout: fraction of theta's samples dropped in a step.
        regularization: weight of theta's mean square in the loss.
        front: filters at each of four dilations of a learned multi-scale front end before placing; 0: none.
    """

    takes: ClassVar[str] = "signal"
    space: ClassVar[str] = "wave"
    mask: Tensor

    def __init__(
        self,
        layout: Layout = "repeat",
        repeats: Annotated[int, Ge(1), Le(4096)] | None = None,
        everywhere: bool = True,
        gain: Annotated[float, Gt(0)] = 0.1,
        learn_gain: bool = True,
        dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0,
        regularization: Annotated[float, Ge(0.0), Le(1.0)] = 0.0,
        front: Annotated[int, Ge(0), Le(256)] = 0,
    ) -> None:
        super().__init__()
        self.layout, self.repeats, self.everywhere, self.start_gain = layout, repeats, everywhere, gain
        self.learn_gain, self.front_filters = learn_gain, front
        self.dropout, self.weight = Dropout(dropout), regularization

    def capacity(self, space: Space) -> int:
        """The number of samples that the source accepts."""
        assert isinstance(space, WaveSpace)
        return space.samples

    def build(self, spec: Spec, space: Space, generator: Generator) -> Self:
        """theta starts at zero. Raises RecipeError if the copies do not fit."""
        assert isinstance(spec, SignalSpec)
        assert isinstance(space, WaveSpace)
        self.wave, self.spec = space, spec
        self.front = front_of(spec.channels, 1, self.front_filters, generator)
        channels = 1 if self.front is not None else spec.channels
        self.inner = min(spec.length * channels, space.samples)
        if self.layout == "repeat" and self.repeats and self.repeats * self.inner > space.samples:
            found = f"{self.repeats} copies of {self.inner} samples"
            raise RecipeError(Problem("transform.repeats", found, f"at most {space.samples // self.inner} of them"))
        self.theta = nn.Parameter(torch.zeros(space.samples))
        self.log_gain = nn.Parameter(torch.full((channels,), self.start_gain).log(), requires_grad=self.learn_gain)
        covered = self.placed(torch.ones(1, channels, spec.length))[0]
        self.register_buffer("mask", torch.ones_like(covered) if self.everywhere else 1 - covered, persistent=False)
        return self

    def placed(self, values: Tensor) -> Tensor:
        """(B, C, L) -> (B, samples): linear in the values, zero where there is no signal."""
        flat, samples = values.flatten(1), self.wave.samples
        if flat.shape[1] > samples or self.layout == "stretch":
            flat = _stretched(flat, min(samples, max(flat.shape[1], samples)))
        inner = flat.shape[1]
        if self.layout == "rates":
            eighth = samples // 8
            parts = [_stretched(flat, size) for size in (eighth, eighth, 2 * eighth, samples - 4 * eighth)]
            return torch.cat(parts, dim=1)
        if self.layout == "repeat":
            copies = self.repeats or samples // inner
            gap = (samples - copies * inner) // copies
            flat = F.pad(flat, (0, gap)).repeat(1, copies)
            return F.pad(flat, (0, samples - flat.shape[1]))
        before = (samples - inner) // 2 if self.layout == "center" else 0
        return F.pad(flat, (before, samples - inner - before))

    def precompute(self, encoded: Batch) -> Tensor | None:
        """Each channel placed on its own, as a wave or spectrum, if there is no front end: (B, C, ...)."""
        if self.front is not None:
            return None
        assert isinstance(encoded, SignalBatch)
        rows, channels, length = encoded.values.shape
        alone = torch.eye(channels, dtype=encoded.values.dtype, device=encoded.values.device)
        spread = torch.einsum("bcl,cd->bcdl", encoded.values, alone).reshape(rows * channels, channels, length)
        waves = self.placed(spread)
        made = waves if self.wave.spectrum is None else self.wave.spectrum(waves)
        return made.reshape(rows, channels, *made.shape[1:])

    def pattern(self) -> Tensor:
        """M theta, with dropout in training: (samples,)."""
        return self.dropout(self.theta * self.mask)

    def forward(self, encoded: Batch) -> WaveInput:
        """(B, C, L) -> waves (B, samples), or spectra (B, T, F), which are linear in waves: an exported graph gets the
        wave, because ONNX has no complex numbers between operations."""
        assert isinstance(encoded, SignalBatch)
        gain, pattern = self.log_gain.exp(), self.pattern()
        spectrum = self.wave.spectrum
        if self.front is not None or torch.compiler.is_compiling():
            values = encoded.values if self.front is None else self.front(encoded.values)
            return WaveInput(waves=self.placed(values * gain[:, None]) + pattern)
        held = encoded.precomputed if encoded.precomputed is not None else self.precompute(encoded)
        assert held is not None
        data = held[:, 0] * gain[0] if held.shape[1] == 1 else torch.einsum("bc...,c->b...", held, gain.to(held.dtype))
        if spectrum is None:
            return WaveInput(waves=data + pattern)
        return WaveInput(spectrum=data + spectrum(pattern[None]))

    def regularization(self) -> Tensor | None:
        """weight x mean square of theta, added to the loss."""
        return self.weight * self.theta.square().mean() if self.weight else None


def _stretched(flat: Tensor, size: int) -> Tensor:
    """(B, n) -> (B, size), linearly interpolated."""
    return F.interpolate(flat[:, None], size, mode="linear", align_corners=True)[:, 0]
