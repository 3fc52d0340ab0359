"""Label mappings for sources whose classes are texts (CLIP): every target class has its own texts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
import torch.nn.functional as F
from annotated_types import Ge, Lt
from torch import Generator, Tensor, nn
from torch.nn.utils import skip_init

from xmr.core.kinds import Batch, ImageBatch
from xmr.core.spaces import PixelInput, SourceOutput
from xmr.errors import Problem, RecipeError, nearest, one_of
from xmr.outputs.base import Output, Pooling
from xmr.outputs.heads import Linear


class TextMapping(Output):
    """y_t = sum over groups g of weight_g times the mean of the scaled cosines with the texts of class t in that group,
    or of the `top` largest of them.

    Alignment: structural. Source: CLIP's prompt ensembling, arXiv 2103.00020; the top 3 of describing and of
    distinguishing sentences: AttrVR, arXiv 2501.13982; the residual: Reprogrammer, arXiv 2403.10800.

    Args:
        top: number of nearest texts per class and group that count; null: all.
        groups: weight of each group of texts (the names in `source.texts_files`, or `templates` and `texts`); where a
            class has no text of a group, the other weights grow. null: all texts are one group.
        average: of the cosines, or of the texts' unit vectors, scaled to length one again (`embedding`, CLIP's own).
        residual: weight of the features of the plain image at prediction, mixed in as unit vectors.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    texts: Tensor  # (G, K, M) rows of the source's classifier
    real: Tensor  # (G, K, M), False at padding
    weight_of: Tensor  # (G, K)

    def __init__(
        self,
        top: Annotated[int, Ge(1)] | None = None,
        groups: dict[str, float] | None = None,
        average: Literal["cosine", "embedding"] = "cosine",
        residual: Annotated[float, Ge(0), Lt(1)] = 0.0,
    ) -> None:
        super().__init__()
        if average == "embedding" and top is not None:
            raise RecipeError(Problem("output.average: embedding", f"top: {top}", "top: null, the mean of all texts"))
        self.top, self.groups, self.average, self.residual = top, groups, average, residual

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Find the texts of each target. Raises RecipeError for a target class without text, a group that is not there,
        and a source without texts.
        """
        owners = source.text_of
        if owners is None:
            raise RecipeError(
                Problem("output.name", "a source whose classes are not texts", "source: {name: clip, ...}")
            )
        known = source.group_of
        for group in self.groups or ():
            if group not in known:
                raise RecipeError(one_of("output.groups", group, list(dict.fromkeys(known))))
        wanted = [[group] for group in self.groups] if self.groups else [list(dict.fromkeys(known))]
        rows = [
            [[i for i, owner in enumerate(owners) if owner == name and known[i] in names] for name in self.target_names]
            for names in wanted
        ]
        for place, name in enumerate(self.target_names):
            if not any(group[place] for group in rows):
                hint = nearest(name, owners)
                raise RecipeError(Problem("source.classes", f"no text for {name!r}", "one per target class", hint))
        most = max(len(row) for group in rows for row in group)
        self.pool = Pooling("mean", source.hidden_width, length)
        padded = [[[*row, *[0] * (most - len(row))] for row in group] for group in rows]
        held = [[[i < len(row) for i in range(most)] for row in group] for group in rows]
        self.register_buffer("texts", torch.tensor(padded))
        self.register_buffer("real", torch.tensor(held))
        weight = torch.tensor([*(self.groups or {"": 1.0}).values()])[:, None] * self.real.any(dim=2)
        weight = weight / weight.sum(dim=0)
        if self.average == "embedding":
            unit = F.normalize(source.head.weight.detach().float(), dim=1)[self.texts] * self.real[..., None]
            mean = unit.sum(dim=2) / self.real.sum(dim=2).clamp(min=1)[..., None]
            weight = weight / mean.norm(dim=2).clamp(min=1e-12)
        self.register_buffer("weight_of", weight)
        return self

    def of_classes(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """The scaled cosines of each record with each class's texts: (R, G, K, M); padding is -inf."""
        features = self.pool(answer, encoded)
        if self.residual and not self.training:
            features = mixed(features, plain_features(encoded, source), self.residual)
        logits = source.answers(features)[:, self.texts]
        return logits.masked_fill(~self.real, -torch.inf)

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = self.of_classes(answer, encoded, source)
        if self.top is not None and self.top < logits.shape[3]:
            logits = logits.topk(self.top, dim=3).values
        held = torch.isfinite(logits)
        mean = logits.masked_fill(~held, 0.0).sum(dim=3) / held.sum(dim=3).clamp(min=1)
        return (mean * self.weight_of).sum(dim=1)


def mixed(own: Tensor, plain: Tensor, weight: float) -> Tensor:
    """unit((1 - a) unit(own) + a unit(plain)): (R, D)."""
    return F.normalize((1 - weight) * F.normalize(own, dim=1) + weight * F.normalize(plain, dim=1), dim=1)


def plain_features(encoded: Batch, source: Any) -> Tensor:
    """The source's features of the images alone, stretched to its input: (R, D)."""
    assert isinstance(encoded, ImageBatch), "a residual needs images"
    values = encoded.values.expand(-1, source.space.channels, -1, -1)
    size = (source.space.height, source.space.width)
    return source.features(PixelInput(F.interpolate(values, size, mode="bilinear", antialias=True).clamp(0, 1)))


class ResidualTextMapping(TextMapping):
    """y = z (I + E) with z_t = sum_m softmax(P[t])_m cos[t, m]: learned text weights P and a learned map E of classes.

    P and E start at zero, so training starts at the mean of the texts. K_T m + K_T^2 parameters; both merge into one
    linear head. Alignment: linear. Source: RVP (2026).
    """

    def __init__(self) -> None:
        super().__init__(None)

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """P uniform over each class's texts, E zero."""
        super().build(source, outputs, length, generator)
        self.weight = nn.Parameter(torch.zeros(self.texts.shape[1:]))
        self.between = nn.Parameter(torch.zeros(len(self.weight), len(self.weight)))
        return self

    def _weights(self) -> Tensor:
        """softmax(P) over the texts of each class: (K, M)."""
        return torch.softmax(self.weight.masked_fill(~self.real[0], -torch.inf), dim=1)

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = self.of_classes(answer, encoded, source)[:, 0].masked_fill(~self.real[0], 0.0)
        z = torch.einsum("rtm,tm->rt", logits, self._weights())
        return z + z @ self.between

    def merge(self, source: Any) -> Output:
        """One row per class instead of one per text."""
        with torch.no_grad():
            rows = torch.einsum("tm,tmd->td", self._weights(), source.head.weight.float()[self.texts[0]])
            folded = Linear()
            folded.pool = self.pool
            folded.linear = skip_init(nn.Linear, rows.shape[1], len(rows))
            folded.linear.weight.copy_(rows + self.between.T @ rows)
            folded.linear.bias.zero_()
        folded.section = {"name": "linear"}
        return folded


class DecoupledTextMapping(TextMapping):
    """y_t = sum_m omega[t, m] f[t, m]: f is the scaled cosine of text m of class t with the image behind the program of
    that text, one program of the ensemble for each part of the texts. omega[t, m] is the fraction of the `top` nearest
    own texts of the training records of class t that are text m, counted before training and in every epoch.

    Alignment: statistical. Source: DVP with its probabilistic reweighting matrix, arXiv 2506.01000.

    Args:
        by: parts of the texts: as many k-means clusters of their vectors as there are programs (DVP-cls), or their
            groups (DVP-cse, one group for each cause).
        top: number of nearest texts of its class that a training record counts.
    """

    counts_before_training: ClassVar[bool] = True
    reads_all = True
    owner: Tensor  # (K_S,) the program of each text
    omega: Tensor  # (K, M)
    counts: Tensor  # (K, M)

    def __init__(self, by: Literal["cluster", "group"] = "cluster", top: Annotated[int, Ge(1)] = 3) -> None:
        super().__init__(top)
        self.by = by

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """Give each text a program; omega is uniform until texts are counted. Raises RecipeError for an ensemble of
        another size than there are groups, or of more programs than texts.
        """
        from sklearn.cluster import KMeans

        super().build(source, outputs, length, generator)
        groups, texts = list(dict.fromkeys(source.group_of)), len(source.group_of)
        if self.by == "group" and self.programs != len(groups):
            raise RecipeError(Problem("ensemble", str(self.programs), f"{len(groups)}, one program for each group"))
        if self.programs > texts:
            raise RecipeError(Problem("ensemble", str(self.programs), f"at most {texts}, the number of texts"))
        if self.by == "group":
            owner = torch.tensor([groups.index(group) for group in source.group_of])
        else:
            vectors = F.normalize(source.head.weight.detach().float(), dim=1).cpu().numpy()
            owner = torch.from_numpy(KMeans(self.programs, n_init=10, random_state=0).fit(vectors).labels_).long()
        self.register_buffer("owner", owner)
        self.register_buffer("omega", self._shares(torch.zeros(self.real.shape[1:], dtype=torch.float64)))
        self.register_buffer("counts", torch.zeros_like(self.omega, dtype=torch.float64), persistent=False)
        self._seen: Tensor | None = None
        return self

    def _shares(self, counts: Tensor) -> Tensor:
        """Counts (K, M) as fractions of each class; uniform over its texts where nothing was counted."""
        real = self.real[0].to(counts.dtype)
        counts = torch.where(counts.sum(dim=1, keepdim=True) > 0, counts, real) * real
        return (counts / counts.sum(dim=1, keepdim=True)).float()

    def forward(self, answer: Any, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K). answer: a list with those of all programs."""
        logits = torch.stack([source.answers(self.pool(each, encoded)) for each in answer])
        own = logits[self.owner, :, torch.arange(len(self.owner), device=logits.device)].T[:, self.texts[0]]
        self._seen = own.detach() if self.training else None
        return (own * self.omega).sum(dim=2)

    def update(self, target: Tensor) -> None:
        """Count the nearest texts of the last training batch, given its classes (R,)."""
        if self._seen is None:
            return
        near = self._seen[torch.arange(len(target), device=target.device), target]
        near = near.masked_fill(~self.real[0, target], -torch.inf)
        best = near.topk(min(self.top or 1, near.shape[1]), dim=1).indices
        one = torch.ones_like(best, dtype=self.counts.dtype)
        self.counts.index_put_((target[:, None].expand_as(best), best), one, accumulate=True)
        self._seen = None

    def compute(self) -> None:
        """See `Output.compute`."""
        self.omega.copy_(self._shares(self.counts))
        self.reset()

    def reset(self) -> None:
        """See `Output.reset`."""
        self.counts.zero_()

    def share(self, total: Callable[[Tensor], Tensor], gather: Callable[[Tensor], Tensor]) -> None:
        """See `Output.share`."""
        self.counts.copy_(total(self.counts))

    def due(self) -> bool:
        """See `Output.due`."""
        return True

    def on_epoch(self) -> None:
        """Weights from the finished epoch's counts."""
        self.compute()
