"""What the closed-form heads of a program are solved on, without training anything."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from xmr.core.batching import tokens_at_once
from xmr.core.registry import OUTPUTS
from xmr.outputs.solved import SolvedOutput, numbers_of
from xmr.program import Program
from xmr.training.loop import LabelledSet

SOLVED = "ridge or kernel_ridge"  # outputs that `is_solved`


def is_solved(section: dict[str, Any]) -> bool:
    """Whether an `output` section of a recipe names a head solved in closed form."""
    return issubclass(OUTPUTS.get(section["name"]), SolvedOutput)


def observe(program: Program, part: LabelledSet) -> tuple[list[tuple[SolvedOutput, Tensor]], Tensor]:
    """Each head with the features it would be solved on, (n, D): those of the transforms as they are.

    Domain features are fitted on the records first. No head for a program with other outputs. Also returns the targets
    that heads are solved for, (n, K).
    """
    data, truth = part.data, numbers_of(part.target, program.task.outputs)
    heads = [head for head in program.eval().outputs if isinstance(head, SolvedOutput)]
    if len(heads) < len(program.outputs):
        return [], truth
    program.cache(data, varied=False)
    for head in heads:
        head.fit_features(data)
    rows = [torch.zeros(len(data), sum(head.widths)) for head in heads]
    with torch.inference_mode():
        for records in data.prediction_batches(tokens_at_once(program.device), len(program.transforms)):
            encoded = data.batch(records).to(program.device)
            for head, found, answer in zip(heads, rows, program.answers(encoded)):
                found[records] = head.observed(answer, encoded).float().cpu()
    return list(zip(heads, rows)), truth
