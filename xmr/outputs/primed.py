"""A local source primed by the answers of another one (AReS), under a counted mapping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import torch
import torch.nn.functional as F
from annotated_types import Ge, Gt
from torch import Generator, Tensor

from xmr.core.arrays import load_arrays
from xmr.core.kinds import Batch
from xmr.core.spaces import SourceOutput
from xmr.errors import DataError, Problem
from xmr.outputs.base import HiddenPool
from xmr.outputs.mapping import BayesianPlusMapping

EPOCHS, BATCH, RATE = 100, 64, 1e-3  # of priming; those of AReS
STEPS = 5000  # at least: 100 epochs of a few hundred records end near the mean answer


class PrimedMapping(BayesianPlusMapping):
    """Bayesian+ on log softmax(P h): a linear head P that imitates another source's answers on the local source's
    features.

    P minimizes KL(p || softmax(P h)) for the training records before the transform is trained (100 epochs as in AReS,
    or 5,000 steps if these are more), and is then fixed. The other source is asked once for each training record, by
    `xmr ask`, and not afterwards: the program is local. Compare with the local source alone, and with a ridge on it.
    Source: AReS, CVPR 2026, whose code asks again for every augmented batch.

    Args:
        answers: the file that `xmr ask` wrote for the same training records; only training needs it.
        pool: how positions become one vector, as for `linear`.
        smoothing: lambda, added to the count of each source class.
        alpha: fraction of K_T whose probabilities each prediction adds.
        update_every: epochs between updates.
        weight_decay: of P.
    """

    needs_features: ClassVar[bool] = True
    head: Tensor
    shift: Tensor

    def __init__(
        self,
        answers: str = "answers.npz",
        pool: HiddenPool = "mean",
        smoothing: Annotated[float, Ge(0)] = 1.0,
        alpha: Annotated[float, Gt(0)] = 0.15,
        update_every: Annotated[int, Ge(1)] = 1,
        weight_decay: Annotated[float, Ge(0)] = 0.0,
    ) -> None:
        super().__init__(pool, smoothing, alpha, update_every)
        self.file, self.weight_decay = Path(answers), weight_decay

    def build(self, source: Any, outputs: int, length: int | None, generator: Generator) -> Self:
        """No classes before it is primed."""
        self.order = int(torch.randint(2**31, (1,), generator=generator))
        return super().build(source, outputs, length, generator)

    def source_classes(self, source: Any) -> int:
        """Those of the other source, which the answers tell."""
        return 0

    def prepare(self, sources: int, outputs: int, generator: Generator) -> None:
        """See `CountedMapping.prepare`."""
        self._allocate(sources, outputs)

    def _allocate(self, sources: int, outputs: int) -> None:
        self.register_buffer("head", torch.zeros(sources, self.pool.width))
        self.register_buffer("shift", torch.zeros(sources))
        self.register_buffer("omega", torch.full((sources, outputs), 1 / max(1, sources)))
        self.register_buffer("counts", torch.zeros(sources, outputs, dtype=torch.float64), persistent=False)

    def mapping(self) -> Tensor | None:
        """None: its source classes are not those of the program's source."""
        return None

    def remake(self) -> None:
        """As Bayesian+, once there are classes."""
        if len(self.head):
            super().remake()

    def resize(self, shapes: dict[str, torch.Size]) -> None:
        """See `Output.resize`."""
        self._allocate(shapes["omega"][0] if len(shapes.get("omega", ())) == 2 else 0, self.omega.shape[1])

    def prime(self, features: Tensor, ids: Sequence[str]) -> None:
        """See `Output.prime`: fit P. Raises DataError where an answer is missing, or the file is not of `xmr ask`."""
        answers = _read(self.file, ids)
        device = self.head.device
        self._allocate(answers.shape[1], self.omega.shape[1])
        head = torch.zeros_like(self.head).requires_grad_()
        shift = torch.zeros_like(self.shift).requires_grad_()
        optimizer = torch.optim.Adam([head, shift], lr=RATE, weight_decay=self.weight_decay)
        epochs = max(EPOCHS, math.ceil(STEPS / math.ceil(len(features) / BATCH)))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
        generator = torch.Generator().manual_seed(self.order)
        with torch.enable_grad():
            for _ in range(epochs):
                for batch in torch.randperm(len(features), generator=generator).split(BATCH):
                    loss = F.cross_entropy(features[batch] @ head.T + shift, answers[batch])  # the KL and a constant
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                schedule.step()
        self.head.copy_(head.detach())
        self.shift.copy_(shift.detach())
        self.to(device)

    def forward(self, answer: SourceOutput, encoded: Batch, source: Any) -> Tensor:
        """See `Output.forward`: (R, K)."""
        logits = torch.log_softmax(self.pool(answer, encoded) @ self.head.T + self.shift, dim=1)
        self._seen = logits.detach() if self.training and len(self.head) else None
        return self.map(logits)


def _read(path: Path, ids: Sequence[str]) -> Tensor:
    """Probabilities of the records (n, K_S) from what `xmr ask` wrote."""
    remedy = "the file that `xmr ask` writes for the same data and seed"
    try:
        arrays = load_arrays(path)
    except DataError as error:
        raise DataError([*error.problems], f"expected {remedy} (output.answers)") from error
    if not {"ids", "logp"} <= {*arrays} or arrays["logp"].shape[:1] != arrays["ids"].shape or arrays["logp"].ndim != 2:
        raise DataError(Problem(str(path), "other arrays than ids (n) and logp (n, K)", remedy))
    rows = {str(name): row for row, name in enumerate(arrays["ids"])}
    missing = [name for name in ids if name not in rows]
    if missing or not len(ids):
        found = f"no answer for {len(missing):,} of {len(ids):,} training records, such as {missing[:1]}"
        raise DataError(Problem(str(path), found, remedy))
    logp = torch.from_numpy(arrays["logp"][[rows[name] for name in ids]].astype(np.float32))
    if logp.shape[1] < 2 or not bool(torch.isfinite(logp).all()):
        raise DataError(Problem(str(path), "numbers that are no log-probabilities of two classes or more", remedy))
    return torch.softmax(logp, dim=1)
