"""Which part of a record a prediction depends on: each patch hidden in turn, and how far the prediction moves.

It treats the program as a black box, so it works for every kind of data. Source: Zeiler & Fergus, arXiv 1311.2901.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from xmr.core.kinds import Batch

if TYPE_CHECKING:
    from xmr.program import Program

EDGE = 1e-6  # probabilities are kept this far from 0 and 1


@dataclass(frozen=True)
class Occlusion:
    """What hiding each patch does to the prediction.

    drops: (B, P), how far the log odds of the predicted class (or the value) fall when patch p is hidden, NaN for
    patches a record does not have; patches: that of every position, (B, L) or (B, H, W), -1 at padding; predicted: (B,)
    the predicted class; confidence: (B,) its probability (or the value).
    """

    drops: np.ndarray
    patches: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray


def occlusion(program: Program, encoded: Batch, most: int | None = None) -> Occlusion | None:
    """Hide each patch of a few records in turn (see `Batch.hide`).

    most: patches per axis, by default what suits the kind of data. None for tasks without one prediction per record,
    for windows, and for kinds of data that hide nothing.
    """
    if not program.task.one_answer or encoded.windows is not None:
        return None
    patches = encoded.patches() if most is None else encoded.patches(most)
    if patches is None:
        return None
    before, predicted = _scores(program, encoded)
    drops = np.full((len(before), int(patches.max()) + 1), np.nan)
    for patch in range(drops.shape[1]):
        has = (patches == patch).flatten(1).any(dim=1).numpy()
        after, _ = _scores(program, encoded.hide(patches, patch, program.encoder.spec), predicted)
        drops[has, patch] = (before - after)[has]
    confidence = 1 / (1 + np.exp(-before)) if program.task.probabilistic else before
    return Occlusion(drops, patches.numpy(), predicted, confidence)


def _scores(program: Program, encoded: Batch, classes: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Log odds of the given classes (by default the most likely), or the first value; and the classes: both (B,)."""
    program.eval()
    with torch.inference_mode():
        logits = program(encoded.to(program.device)).float()
        values = program.task.combined(program.task.probabilities(logits)).cpu().numpy()
    if not program.task.probabilistic:
        return values[:, 0].astype(np.float64), np.zeros(len(values), dtype=int)
    if classes is None:
        classes = values.argmax(axis=1)
    likely = values[np.arange(len(values)), classes].astype(np.float64).clip(EDGE, 1 - EDGE)
    return np.log(likely / (1 - likely)), classes
