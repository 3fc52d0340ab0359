"""What a transform computes of each record without its parameters: made once a run, not at every step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

MAX_BYTES = 2 << 30  # beyond it nothing is kept, and every step computes its own
AT_ONCE = 64


def kept(compute: Callable[[np.ndarray], Tensor], n: int) -> Tensor | None:
    """compute: indices of rows -> one row each. All n rows, or None where they would take too much memory."""
    made: list[Tensor] = []
    for begin in range(0, n, AT_ONCE):
        rows = np.arange(begin, min(n, begin + AT_ONCE))
        made.append(compute(rows))
        if made[0].numel() * made[0].element_size() * (n / len(made[0])) > MAX_BYTES:
            return None
    return torch.cat(made) if made else None
