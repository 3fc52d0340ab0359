"""Training an ordinary network on the same split: what the from-scratch CNN and full fine-tuning share."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from xmr.baselines.base import BaselineInput
from xmr.core.batching import inference_batches, training_batches
from xmr.core.generators import Generators
from xmr.core.global_generators import use_generators
from xmr.tasks.base import Task
from xmr.training.precision import autocast


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """How long and how fast a network is trained. batch: tokens, or records where all have one size."""

    epochs: int
    batch: int
    learning_rate: float
    patience: int


def fit_network(
    model: nn.Module,
    data: BaselineInput,
    schedule: Schedule,
    generators: Generators,
    groups: list[dict[str, Any]] | None = None,
) -> np.ndarray:
    """Train, keep the best validation epoch (the last without a validation part), predict test: (n, K).

    model: a batch of the encoder -> logits (R, K), or (B, L, K) per position. generators: what the model's dropout and
    the augmentation draw from. groups: parameters with their own learning rates; by default all learn at one. The
    precision is that of training and validation; test is predicted in full, as by a program.
    """
    task, sets = data.task, data.sets
    targets = {part: torch.from_numpy(np.asarray(value)) for part, value in data.targets.items()}
    train, rng = sets["train"], np.random.default_rng(data.seed)
    plan = [training_batches(train.cost, train.width, schedule.batch, rng) for _ in range(schedule.epochs)]
    steps = sum(map(len, plan))
    optimizer = torch.optim.AdamW(
        groups or model.parameters(), lr=schedule.learning_rate, weight_decay=0.01, fused=True
    )
    device = torch.device("cpu")
    decay = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: 0.5 * (1 + math.cos(math.pi * s / steps)))
    best, best_score, best_epoch = None, -math.inf, 0
    for epoch, batches in enumerate(plan):
        model.train()
        for batch in batches:
            wanted = task.batch_targets(targets["train"], train, batch)
            with use_generators(generators), autocast(data.precision, device):
                logits = model(data.augment(train.batch(batch), generators.on(device))).float()
            loss = task.loss(logits[None], wanted)[0]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            decay.step()
        if len(sets["validation"]):
            with autocast(data.precision, device):
                values = network_predictions(model, sets["validation"], task, 2 * schedule.batch)
            score = task.score(task.metrics(values, targets["validation"], task.lengths(sets["validation"])))
            if score > best_score:
                best_score, best_epoch = score, epoch
                best = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            elif epoch - best_epoch >= schedule.patience:
                break
    if best is not None:
        model.load_state_dict(best)
    return network_predictions(model, sets["test"], task, 2 * schedule.batch)


def network_predictions(model: nn.Module, data: Any, task: Task, budget: int) -> np.ndarray:
    """Probabilities or values of every record (or residue), in order: (n, K)."""
    model.eval()
    rows = int(data.offset[-1]) if task.per_position else len(data)
    result = torch.zeros(rows, task.outputs)
    with torch.inference_mode():
        for batch in inference_batches(data.cost, data.width, budget):
            encoded = data.batch(batch)
            values = task.probabilities(model(encoded).float())
            if task.per_position:
                place = data.align(torch.arange(rows), batch, 0)[encoded.mask]
                result[place] = values[encoded.mask]
            else:
                result[torch.from_numpy(batch)] = values
    return result.numpy()
