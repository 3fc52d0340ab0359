"""What the closed-form heads of a program are solved on, without training anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from xmr.core.batching import tokens_at_once
from xmr.core.registry import OUTPUTS
from xmr.outputs.solved import SolvedOutput, numbers_of
from xmr.program import Program
from xmr.training.work import LabelledSet

SOLVED = "ridge or kernel_ridge"  # outputs that `is_solved`


def is_solved(section: dict[str, Any]) -> bool:
    """Whether an `output` section of a recipe names a head solved in closed form."""
    return issubclass(OUTPUTS.get(section["name"]), SolvedOutput)


def observe(
    program: Program, part: LabelledSet, twins: Sequence[Program] = ()
) -> tuple[list[list[tuple[SolvedOutput, Tensor]]], Tensor]:
    """The heads of a program, each with the features it would be solved on, (n, D): those of the transforms as they
    are.

    twins: programs that differ in their outputs alone; their heads are observed in the same passes through the source.
    Returns a list for the program and for each twin, and the targets that heads are solved for, (n, K). Domain features
    are fitted on the records first. No head of a program with other outputs.
    """
    data, truth = part.data, numbers_of(part.target, program.task.outputs)
    found: list[list[tuple[SolvedOutput, Tensor]]] = []
    for each in (program.eval(), *(twin.eval() for twin in twins)):
        heads = [head for head in each.outputs if isinstance(head, SolvedOutput)]
        heads = heads if len(heads) == len(each.outputs) else []
        for head in heads:
            head.fit_features(data)
        found.append([(head, torch.zeros(len(data), sum(head.widths))) for head in heads])
    if not any(found):
        return found, truth
    program.cache(data, varied=False)
    with torch.inference_mode():
        for records in data.prediction_batches(tokens_at_once(program.device), len(program.transforms)):
            encoded = data.batch(records).to(program.device)
            answers = program.source_outputs(encoded)
            for heads_of_one in found:
                for number, (head, rows) in enumerate(heads_of_one):
                    answer = answers if head.reads_all else answers[number]
                    rows[records] = head.observed(answer, encoded).float().cpu()
    return found, truth
