"""Linear heads on the frozen source's hidden states: pooled, or at every position."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge, Lt
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.generators import Dropout
from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput, TokenFeatures
from xmr.outputs.base import Output, Pool, Pooling


def linear_layer(inputs: int, outputs: int, generator: Generator) -> nn.Linear:
    """A small normal start (std 0.02), sampled with `generator`."""
    layer = skip_init(nn.Linear, inputs, outputs)
    with torch.no_grad():
        layer.weight.normal_(0.0, 0.02, generator=generator)
        layer.bias.zero_()
    return layer


class Linear(Output):
    """y_T = W pool(h) + b: D' K + K parameters. Classification, multilabel (sigmoid) and regression (scaled targets).

    Alignment: linear. Source: used by every method as the learned baseline mapping (survey, arXiv 2202.10629).

    Args:
        pool: how positions become one vector: their mean, the first (`cls`) or last, a mean weighted by a learned
            query (`attention`), all concatenated (`concat`, records of equal length), or mean, standard deviation,
            maximum and minimum (`statistics`).
        dropout: fraction of the pooled features dropped in training.
    """

    def __init__(self, pool: Pool = "mean", dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0) -> None:
        super().__init__()
        self.pool_name, self.dropout = pool, Dropout(dropout)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """See `Output.build`."""
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        self.linear = linear_layer(self.pool.width, outputs, generator)
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        return self.linear(self.dropout(self.pool(answer, encoded)))


class PerPosition(Output):
    """y_i = W h_i + b at every position: D' K + K parameters. Logits (B, L, K), aligned with the symbols.

    Source: per-position head of R2DL's secondary-structure task, arXiv 2301.02120.

    Args:
        dropout: fraction of the features dropped in training.
    """

    tasks: ClassVar[tuple[str, ...]] = ("sequence_labeling", "infilling")

    def __init__(self, dropout: Annotated[float, Ge(0.0), Lt(1.0)] = 0.0) -> None:
        super().__init__()
        self.dropout = Dropout(dropout)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """See `Output.build`."""
        self.linear = linear_layer(source.hidden_width, outputs, generator)
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (B, L, K)."""
        assert isinstance(answer, TokenFeatures), (
            "a label at every position needs a source with a hidden state at every position"
        )
        return self.linear(self.dropout(answer.aligned.float()))
