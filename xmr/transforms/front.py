"""A learned multi-scale front end for signals: a few small dilated convolutions, added to the signal itself."""

from __future__ import annotations

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

RATES, KERNEL = (1, 2, 4, 8), 5


class MultiScaleFront(nn.Module):
    """(B, C, L) -> (B, out, L): `filters` convolutions of width 5 at each of the dilations 1, 2, 4, 8, mixed back.

    It starts as the identity (or, for one channel out of several, as their mean): the convolutions' contribution
    starts at zero. Location: input; operator: parametric. New for reprogramming; dilated filters as in MiniRocket,
    arXiv 2012.08791, but learned.
    """

    def __init__(self, channels: int, out: int, filters: int, generator: Generator) -> None:
        super().__init__()
        self.rates = nn.ModuleList(
            skip_init(nn.Conv1d, channels, filters, KERNEL, padding="same", dilation=rate) for rate in RATES
        )
        self.skip = skip_init(nn.Conv1d, channels, out, 1, bias=False)
        self.mix = skip_init(nn.Conv1d, filters * len(RATES), out, 1, bias=False)
        with torch.no_grad():
            for convolution in self.rates:
                fan = channels * KERNEL
                convolution.weight.normal_(0.0, fan**-0.5, generator=generator)  # type: ignore[operator]
                convolution.bias.zero_()  # type: ignore[operator]
            self.mix.weight.zero_()
            eye = torch.eye(out, channels) if out >= channels and channels > 1 else torch.ones(out, channels) / channels
            self.skip.weight.copy_(eye[..., None])

    def forward(self, values: Tensor) -> Tensor:
        """See the class."""
        found = torch.cat([torch.relu(convolution(values)) for convolution in self.rates], dim=1)
        return self.skip(values) + self.mix(found)


def front_of(channels: int, out: int, filters: int, generator: Generator) -> MultiScaleFront | None:
    """The front end that a transform requests; None for `filters` 0."""
    return MultiScaleFront(channels, out, filters, generator) if filters else None
