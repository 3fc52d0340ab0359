"""Label mappings for sources whose classes are texts (CLIP): every target class has its own texts."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

import torch
from annotated_types import Ge
from torch import Generator, Tensor, nn

from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput
from xmr.errors import Problem, RecipeError, nearest
from xmr.outputs.base import Output, Pooling


class TextMapping(Output):
    """y_t = mean of the scaled cosines with the texts of class t, or of the `top` largest of them.

    Alignment: structural. Source: CLIP's prompt ensembling, arXiv 2103.00020; the top 3 of describing and
    distinguishing sentences: AttrVR, arXiv 2501.13982.

    Args:
        top: number of nearest texts per class that count; null: all.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    texts: Tensor
    real: Tensor

    def __init__(self, top: Annotated[int, Ge(1)] | None = None) -> None:
        super().__init__()
        self.top = top

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Find the texts of each target. Raises RecipeError for a target class without text, or a source without
        texts.
        """
        owners = source.text_of
        if owners is None:
            raise RecipeError(
                Problem("output.name", "a source whose classes are not texts", "source: {name: clip, ...}")
            )
        rows = []
        for name in self.target_names:
            found = [index for index, owner in enumerate(owners) if owner == name]
            if not found:
                hint = nearest(name, owners)
                raise RecipeError(Problem("source.classes", f"no text for {name!r}", "one per target class", hint))
            rows.append(found)
        most = max(map(len, rows))
        self.pool = Pooling("mean", source.hidden_width, length)
        self.register_buffer("texts", torch.tensor([row + row[:1] * (most - len(row)) for row in rows]))
        self.register_buffer("real", torch.tensor([[i < len(row) for i in range(most)] for row in rows]))
        return self

    def of_classes(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """The scaled cosines of each record with each class's texts: (R, K_T, m); padding is -inf."""
        logits = source.answers(self.pool(answer, encoded))[:, self.texts]
        return logits.masked_fill(~self.real, -torch.inf)

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = self.of_classes(answer, encoded, source)
        if self.top is not None and self.top < logits.shape[2]:
            logits = logits.topk(self.top, dim=2).values
        held = torch.isfinite(logits)
        return logits.masked_fill(~held, 0.0).sum(dim=2) / held.sum(dim=2)


class ResidualTextMapping(TextMapping):
    """y = z (I + E) with z_t = sum_m P[t, m] cos[t, m]: learned text weights P and a learned map between classes.

    P starts uniform and E at zero, so training starts at `text_mapping`. K_T m + K_T^2 parameters; both merge into one
    linear head over the texts. Alignment: linear. Source: RVP (2026).
    """

    def __init__(self) -> None:
        super().__init__(None)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """P uniform over each class's texts, E zero."""
        super().build(source, outputs, length, generator)
        self.weight = nn.Parameter(self.real.float() / self.real.sum(dim=1, keepdim=True))
        self.between = nn.Parameter(torch.zeros(len(self.texts), len(self.texts)))
        return self

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = self.of_classes(answer, encoded, source).masked_fill(~self.real, 0.0)
        z = torch.einsum("rtm,tm->rt", logits, self.weight * self.real)
        return z + z @ self.between
