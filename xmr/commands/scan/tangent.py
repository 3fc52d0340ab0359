"""The tangent kernel of a program: can small changes of its transform tell the records apart?

g_i is the gradient of one contrast of record i's answers with respect to the transform's parameters, and G = g g' the
kernel. An effective rank near one means that the transform pushes every record alike, so that the output alone
separates them. Source: neural tangent kernels of reprogramming, arXiv 2506.00620.
"""

from __future__ import annotations

import numpy as np
import torch

from xmr.job import Job
from xmr.outputs.solved import numbers_of
from xmr.training.observe import observe

MAX_RECORDS = 48


def tangent(job: Job) -> tuple[float, float]:
    """Effective rank and target alignment of the tangent kernel of some training records at the start.

    Heads in closed form are solved first. NaN for a transform without parameters.
    """
    program, part = job.program.eval(), job.sets["train"]
    parameters = [each for each in program.transforms.parameters() if each.requires_grad]
    if not parameters:
        return float("nan"), float("nan")
    (heads,), truth = observe(program, part)
    for head, rows in heads:
        head.solve(rows, truth)
    chosen = np.unique(np.linspace(0, len(part) - 1, min(MAX_RECORDS, len(part))).round().astype(int))
    contrast = torch.randn(truth.shape[1], generator=torch.Generator().manual_seed(0))
    contrast = contrast - contrast.mean() if len(contrast) > 1 else torch.ones(1)
    # A pass for each of these few records: transforms of every kind have parameters, and no batch holds its gradients.
    gradients = torch.stack([_gradient(job, parameters, int(record), contrast) for record in chosen]).double()
    kernel = (gradients @ gradients.T).numpy()
    return effective_rank(kernel), alignment(kernel, numbers_of(part.target, truth.shape[1])[chosen].numpy())


def _gradient(job: Job, parameters: list[torch.nn.Parameter], record: int, contrast: torch.Tensor) -> torch.Tensor:
    """The gradient of a contrast of one record's answers with respect to the parameters: (d,)."""
    encoded = job.sets["train"].data.batch(np.array([record]))
    answer = (job.program(encoded)[0, 0] * contrast).sum()
    found = torch.autograd.grad(answer, parameters, allow_unused=True)
    return torch.cat(
        [(torch.zeros_like(each) if one is None else one).flatten() for one, each in zip(found, parameters)]
    )


def effective_rank(kernel: np.ndarray) -> float:
    """exp of the entropy of the eigenvalues (scaled to sum 1): one where all records are alike, n where none are."""
    values = np.clip(np.linalg.eigvalsh(kernel), 0, None)
    if not values.sum():
        return float("nan")
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))


def alignment(kernel: np.ndarray, truth: np.ndarray) -> float:
    """<G, Y> / (|G| |Y|) with Y of the centered targets (n, K): one where the kernel is that of the targets."""
    centered = truth - truth.mean(axis=0)
    ideal = centered @ centered.T
    size = float(np.linalg.norm(kernel) * np.linalg.norm(ideal))
    return float((kernel * ideal).sum() / size) if size else float("nan")
