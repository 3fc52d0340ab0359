"""The loss of each task, from the logits of N programs to one number per program."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from xmr.data.targets import IGNORE, Task


def class_weights(target: Tensor, classes: int) -> Tensor:
    """n / (K n_t): every class has the same total weight; a class without examples has weight zero."""
    counts = torch.bincount(target[target != IGNORE].reshape(-1), minlength=classes).float()
    return torch.where(counts > 0, counts.sum() / (classes * counts.clamp(min=1)), 0.0)


def loss_of(
    task: Task, logits: Tensor, target: Tensor, weights: Tensor | None = None, smoothing: float = 0.0
) -> Tensor:
    """Mean loss over records (or positions) of each program: logits (N, R, K), or (N, B, L, K) per position -> (N,).

    Cross-entropy for classes, binary cross-entropy over the known labels (multilabel, NaN = unknown), mean squared
    error of standardized targets (regression; in forecasting, over the known steps).
    """
    programs = len(logits)
    if task == "regression":
        return ((logits - target) ** 2).reshape(programs, -1).mean(dim=1)
    known = ~torch.isnan(target)
    if task == "forecasting":
        each = torch.where(known, logits - torch.nan_to_num(target), 0.0) ** 2
        return each.reshape(programs, -1).sum(dim=1) / known.sum().clamp(min=1)
    if task == "multilabel":
        each = F.binary_cross_entropy_with_logits(logits, torch.nan_to_num(target).expand_as(logits), reduction="none")
        return (each * known).reshape(programs, -1).sum(dim=1) / known.sum().clamp(min=1)
    flat = logits.reshape(programs, -1, logits.shape[-1])
    labels = target.reshape(-1)
    # One call for all programs: mean over each program's rows, weighted and without the ignored ones.
    each = F.cross_entropy(
        flat.transpose(1, 2),
        labels.expand(programs, -1),
        weight=weights,
        ignore_index=IGNORE,
        label_smoothing=smoothing,
        reduction="none",
    )
    scored = (labels != IGNORE).float()
    mass = scored if weights is None else scored * weights[labels.clamp(min=0)]
    return each.sum(dim=1) / mass.sum().clamp(min=1e-12)
