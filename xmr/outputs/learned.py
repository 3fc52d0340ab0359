"""Learned label mappings over the source's own classes (a language model's vocabulary)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Gt
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput, TokenFeatures
from xmr.errors import Problem, RecipeError
from xmr.outputs.base import HiddenPool, Output, Pooling
from xmr.outputs.heads import Linear, PerPosition


class VocabularyLinear(Output):
    """logits_T = Gamma logits_S = h (Gamma W_dec)^T, folded: only K rows are computed, not V. K * V parameters.

    Source: ReprogBERT, arXiv 2210.07144 (its published form computes all V logits first).

    Args:
        pool: how positions become one vector before the vocabulary head, as for `linear`.
    """

    def __init__(self, pool: HiddenPool = "mean") -> None:
        super().__init__()
        self.pool_name = pool

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Gamma starts small and normal."""
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        start = torch.randn(outputs, source.classes, generator=generator)
        self.gamma = nn.Parameter(start * (0.02 / source.classes**0.5))
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        hidden = source.pre_classifier(self.pool(answer, encoded))
        return hidden @ (self.gamma @ source.classifier_weight().float()).T

    def merge(self, source: Any) -> Output:
        """If the source's classifier is only its embedding matrix, Gamma W_dec is a linear layer: keep only that."""
        if not source.tied:
            return self
        folded = Linear(pool=self.pool_name)
        folded.pool = self.pool
        folded.linear = skip_init(nn.Linear, source.hidden_width, len(self.gamma))
        rows = self.gamma.detach() @ source.classifier_weight().float()
        with torch.no_grad():
            folded.linear.weight.zero_()  # the features of other layers follow those of the last and are not used
            folded.linear.weight[:, : rows.shape[1]] = rows
            folded.linear.bias.zero_()
        folded.section = {"name": "linear", "pool": self.pool_name}
        return folded


class VocabularyPerPosition(VocabularyLinear):
    """logits_T = h_i (Gamma W_dec)^T at every position, folded as for `vocabulary_linear`. K * V parameters.

    Source: ReprogBERT, arXiv 2210.07144.

    Args:
        init: Gamma starts small and normal, or each letter's row at the source's own token of it (`letters`), so that
            it agrees with a transform of `init: letters` before training.
        scale: factor of the logits, for sources without a trained head (1 with one).
    """

    tasks: ClassVar[tuple[str, ...]] = ("sequence_labeling", "infilling")

    def __init__(self, init: Literal["letters", "normal"] = "letters", scale: Annotated[float, Gt(0)] = 1.0) -> None:
        super().__init__()
        self.init, self.scale = init, scale

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Gamma at the tokens of the letters. Raises RecipeError for a letter that is no token of the source."""
        super().build(source, outputs, length, generator)
        if self.init == "letters":
            names = {word.lower(): index for index, word in reversed(list(enumerate(source.space.words)))}
            missing = [name for name in self.target_names if name.lower() not in names]
            if missing:
                raise RecipeError(Problem("output.init: letters", f"{missing[0]!r}, no token of the source", "normal"))
            with torch.no_grad():
                for row, name in zip(self.gamma, self.target_names):
                    row[names[name.lower()]] += 1.0
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (B, L, K)."""
        assert isinstance(answer, TokenFeatures), "letters at every position need a source with hidden states there"
        hidden = source.pre_classifier(answer.aligned.float())
        return self.scale * hidden @ (self.gamma @ source.classifier_weight().float()).T

    def merge(self, source: Any) -> Output:
        """Keep Gamma W_dec, (K, D'), as a linear layer, where the source's classifier is only its embedding matrix."""
        if not source.tied:
            return self
        folded = PerPosition()
        folded.linear = skip_init(nn.Linear, source.hidden_width, len(self.gamma))
        rows = self.scale * self.gamma.detach() @ source.classifier_weight().float()
        with torch.no_grad():
            folded.linear.weight.zero_()
            folded.linear.weight[:, : rows.shape[1]] = rows
            folded.linear.bias.zero_()
        folded.section = {"name": "per_position"}
        return folded


class LearnedMapping(Output):
    """y_T = log(softmax(logits_S) . softmax_rows(W)): every source class distributes its probability over the targets.

    W in R^{K_S x K_T}. Alignment: statistical. Source: Voice2Series, arXiv 2106.09296; Kloberdanz 2021.

    Args:
        pool: how positions become one vector before the vocabulary head, as for `linear`.
        temperature: divides the source's logits before their softmax.
        hardness: weight of an entropy penalty on the rows of W, which favors a hard mapping.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def __init__(
        self,
        pool: HiddenPool = "mean",
        temperature: Annotated[float, Gt(0)] = 1.0,
        hardness: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__()
        self.pool_name, self.temperature, self.hardness = pool, temperature, hardness

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """W starts near uniform, small and normal."""
        self.pool = Pooling(self.pool_name, source.hidden_width, length)
        self.weight = nn.Parameter(torch.randn(source.classes, outputs, generator=generator))
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: log probabilities (R, K)."""
        logits = source.answers(self.pool(answer, encoded)) / self.temperature
        return torch.log(torch.softmax(logits, dim=-1) @ torch.softmax(self.weight, dim=1) + 1e-12)

    def mapping(self) -> Tensor:
        """softmax_rows(W), each column divided by its sum."""
        shares = torch.softmax(self.weight.detach().cpu(), dim=1)
        return shares / shares.sum(dim=0, keepdim=True)

    def regularization(self) -> Tensor | None:
        """hardness x mean entropy of the rows of softmax(W); added to the loss."""
        if not self.hardness:
            return None
        rows = torch.softmax(self.weight, dim=1)
        return self.hardness * -(rows * torch.log(rows + 1e-12)).sum(dim=1).mean()
