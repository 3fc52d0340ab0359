"""Training an ordinary network on the same split: what the from-scratch CNN and full fine-tuning share."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Generator, Tensor, nn

from xmr.core.batching import inference_batches, training_batches
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.data.targets import IGNORE, Targets
from xmr.metrics.metrics import main_metric, metrics_of
from xmr.training.losses import loss_of
from xmr.training.precision import autocast


def fit_network(
    model: nn.Module,
    sets: dict[str, Any],
    targets: dict[str, Tensor],
    description: Targets,
    *,
    epochs: int,
    budget: int,
    rate: float,
    patience: int,
    seed: int,
    generators: Generators,
    augment: Callable[[Any, Generator], Any] = lambda batch, generator: batch,
    groups: list[dict[str, Any]] | None = None,
    precision: str = "full",
) -> np.ndarray:
    """Train, keep the best validation epoch (the last without a validation part), answer test: (n, K).

    model: a batch of the encoder -> logits (R, K), or (B, L, K) per residue. budget: tokens a batch, or records where
    all have one size. generators: what the model's dropout draws from, and `augment`, which varies a training batch.
    groups: parameters with their own rates; all of them at `rate`. precision: full or bf16, of training and validation;
    test is answered in full, as a program's is.
    """
    per_residue = description.task == "residue_classification"
    data = sets["train"]
    rng = np.random.default_rng(seed)
    plan = [training_batches(data.cost, data.width, budget, rng) for _ in range(epochs)]
    steps = sum(map(len, plan))
    optimizer = torch.optim.AdamW(groups or model.parameters(), lr=rate, weight_decay=0.01, fused=True)
    device = torch.device("cpu")
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / steps)))
    best, best_score, best_epoch = None, -math.inf, 0
    metric = main_metric(description.task, description.outputs)
    for epoch, batches in enumerate(plan):
        model.train()
        for batch in batches:
            wanted = targets["train"][torch.from_numpy(batch)] if not per_residue else None
            if wanted is None:
                wanted = data.align(targets["train"], batch, IGNORE)
            with use_generators(generators), autocast(precision, device):
                logits = model(augment(data.batch(batch), generators.on(device))).float()
            loss = loss_of(description.task, logits[None], wanted)[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        if len(sets["validation"]):
            with autocast(precision, device):
                values = network_answers(model, sets["validation"], description, 2 * budget)
            score = metrics_of(description.task, values, targets["validation"], description)[metric]
            if score > best_score:
                best_score, best_epoch = score, epoch
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            elif epoch - best_epoch >= patience:
                break
    if best is not None:
        model.load_state_dict(best)
    return network_answers(model, sets["test"], description, 2 * budget)


def network_answers(model: nn.Module, data: Any, description: Targets, budget: int) -> np.ndarray:
    """Probabilities or values of every record (or residue), in order: (n, K)."""
    model.eval()
    per_residue = description.task == "residue_classification"
    rows = int(data.offset[-1]) if per_residue else len(data)
    result = torch.zeros(rows, description.outputs)
    with torch.inference_mode():
        for batch in inference_batches(data.cost, data.width, budget):
            encoded = data.batch(batch)
            logits = model(encoded).float()
            if per_residue:
                place = data.align(torch.arange(rows), batch, 0)[encoded.mask]
                result[place] = torch.softmax(logits[encoded.mask], dim=-1)
            elif description.task == "regression":
                result[torch.from_numpy(batch)] = torch.from_numpy(description.own_units(logits.numpy())).float()
            elif description.task == "multilabel":
                result[torch.from_numpy(batch)] = torch.sigmoid(logits)
            else:
                result[torch.from_numpy(batch)] = torch.softmax(logits, dim=-1)
    return result.numpy()
