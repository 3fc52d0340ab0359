"""Which of the source's words each learned embedding landed near."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def nearest_words(table: Tensor, embedding: Tensor, words: tuple[str, ...], k: int) -> list[list[tuple[str, float]]]:
    """table: (A, D), embedding: (V, D) -> for each row its k words of highest cosine."""
    cosine = F.normalize(table, dim=1) @ F.normalize(embedding, dim=1).T
    value, index = torch.topk(cosine[:, : len(words)], k, dim=1)
    return [[(words[i], float(c)) for i, c in zip(row, near)] for row, near in zip(index.tolist(), value.tolist())]
