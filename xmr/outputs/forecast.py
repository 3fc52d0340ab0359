"""Forecasting: future steps from the hidden states of the observed window."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Le, Lt
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.generators import Dropout
from xmr.core.kinds import Batch, SignalBatch
from xmr.core.kinds.signal import window_scale
from xmr.core.spaces import SourceOutput, TokenFeatures
from xmr.outputs.base import Output
from xmr.outputs.heads import linear_layer


class Forecast(Output):
    """y = (W vec(h P) + b) s + m: each token is projected to `width` numbers, and all of them to the horizon.

    m and s are the mean and standard deviation of the observed window (reversible instance normalization; the
    transform's `instance_norm` is its other half). A source with one vector per record (images, waves) counts as one
    token. Parameters: D' w + T w H + H. Source: Time-LLM, arXiv 2310.01728, section 3.1; RevIN, Kim et al. 2022.

    Args:
        width: w, the number of values per token.
        dropout: fraction of them dropped in training.
    """

    tasks: ClassVar[tuple[str, ...]] = ("forecasting",)

    def __init__(
        self, width: Annotated[int, Ge(1), Le(4096)] = 32, dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0
    ) -> None:
        super().__init__()
        self.width, self.dropout = width, Dropout(dropout)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """length: tokens per window, given by a transform into token space."""
        length = length or 1
        self.reduce = skip_init(nn.Linear, source.hidden_width, self.width)
        with torch.no_grad():
            self.reduce.weight.normal_(0.0, source.hidden_width**-0.5, generator=generator)
            self.reduce.bias.zero_()
        self.out = linear_layer(self.width * length, outputs, generator)
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """(B, H), in the units of the observed window."""
        assert isinstance(encoded, SignalBatch)
        hidden = answer.aligned if isinstance(answer, TokenFeatures) else answer.features
        kept = self.dropout(self.reduce(hidden.float()))
        mean, spread = window_scale(encoded.values)
        return self.out(kept.flatten(1)) * spread[:, 0] + mean[:, 0]
