"""What the closed-form heads of a program are solved on, without training anything."""

from __future__ import annotations

import torch
from torch import Tensor

from xmr.core.batching import tokens_at_once
from xmr.core.kinds import EncodedSet
from xmr.outputs.solved import SolvedOutput
from xmr.program import Program


def observe(program: Program, data: EncodedSet) -> list[tuple[SolvedOutput, Tensor]]:
    """Each head with the features it would be solved on, (n, D): those of the transforms as they are.

    Domain features are fitted on the records first. Empty for a program with other outputs.
    """
    heads = [head for head in program.eval().outputs if isinstance(head, SolvedOutput)]
    if len(heads) < len(program.outputs):
        return []
    program.cache(data, varied=False)
    for head in heads:
        head.fit_features(data)
    rows = [torch.zeros(len(data), sum(head.widths)) for head in heads]
    with torch.inference_mode():
        for records in data.prediction_batches(tokens_at_once(program.device), len(program.transforms)):
            encoded = data.batch(records).to(program.device)
            for head, found, answer in zip(heads, rows, program.answers(encoded)):
                found[records] = head.observed(answer, encoded).float().cpu()
    return list(zip(heads, rows))
