"""The optimizer: parameter groups with their learning rates, and the schedule."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from xmr.errors import Problem, RecipeError
from xmr.program import Program
from xmr.training.settings import TrainingSettings


def parameter_groups(program: Program, settings: TrainingSettings, outputs_only: bool = False) -> list[dict[str, Any]]:
    """The trained parameters by learning rate: the transforms' own scales, and `output_lr_scale` for the outputs."""
    by_rate: dict[float, list[nn.Parameter]] = {}
    for transform in () if outputs_only else program.transforms:
        own = transform.lr_scales()
        for name, parameter in transform.named_parameters():
            if parameter.requires_grad:
                factor = next((rate for start, rate in own.items() if name.startswith(start)), 1.0)
                by_rate.setdefault(factor * settings.learning_rate, []).append(parameter)
    groups = [{"params": held, "lr": rate} for rate, held in by_rate.items()]
    outputs = [p for p in program.outputs.parameters() if p.requires_grad]
    if outputs:
        groups.append({"params": outputs, "lr": settings.learning_rate * settings.output_lr_scale})
    return groups


def check_optimizer(program: Program, settings: TrainingSettings) -> None:
    """Raises RecipeError where a transform is to learn by gradient in front of a source that only answers."""
    learns = any(p.requires_grad for transform in program.transforms for p in transform.parameters())
    if learns and not program.source.gradient and (problems := settings.without_gradient()):
        raise RecipeError(problems)


def make_optimizer(settings: TrainingSettings, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
    """AdamW, Adam or SGD with momentum. Raises RecipeError if there is nothing to train."""
    if not groups:
        found = "a program without trainable parameters"
        raise RecipeError(Problem("transform, output", found, "a transform or an output with trainable parameters"))
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, weight_decay=settings.weight_decay, momentum=0.9)
    kind = torch.optim.AdamW if settings.optimizer == "adamw" else torch.optim.Adam
    return kind(groups, weight_decay=settings.weight_decay, fused=True)


def rate_at(step: int, steps: int, settings: TrainingSettings) -> float:
    """Linear warm-up, then the schedule, as a fraction of the peak; `steps` is the total number."""
    warm = settings.warmup * steps
    if step < warm:
        return (step + 1) / (warm + 1)
    if settings.schedule == "constant":
        return 1.0
    if settings.schedule == "multistep":
        return 0.1 ** sum(step >= share * steps for share in settings.milestones)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - warm) / max(1.0, steps - warm))))
