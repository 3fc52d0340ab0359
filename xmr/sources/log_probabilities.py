"""What a service answers, as features: the logarithms of its classes' probabilities, or its vectors as they come."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import log_softmax

from xmr.errors import Problem, RecipeError

Outputs = Literal["probabilities", "logits", "top_k", "label", "features"]

SMALLEST = 1e-8  # probability; services round to zero
REST = 1e-6  # smallest total probability of the classes that a top-k answer does not name
CERTAIN = 0.99  # probability of a class that is answered alone
SUM_TOLERANCE = 0.02


def log_probabilities(answers: np.ndarray, outputs: Outputs, classes: int, place: str = "source.outputs") -> np.ndarray:
    """log p of every class: (n, K_S), float32.

    answers: (n, K_S) probabilities or logits; of `top_k` probabilities with NaN at the classes that are not named; of
    `label` (n,) class numbers; of `features` (n, D) vectors, which are returned as they are. Raises RecipeError for
    numbers that cannot be what `outputs` says.

    Ridge on log p is far better than on p (docs/how-to/reprogram-an-api.md), and logits are only needed up to a
    constant of each record, which no mapping sees.
    """
    if outputs == "label":
        found = np.full((len(answers), classes), np.log((1 - CERTAIN) / max(1, classes - 1)), np.float32)
        found[np.arange(len(answers)), answers.astype(np.int64)] = np.log(CERTAIN)
        return found
    if outputs == "features":
        return answers.astype(np.float32)
    if outputs == "logits":
        return log_softmax(answers.astype(np.float64), axis=1).astype(np.float32)
    named = ~np.isnan(answers)
    total = np.where(named, answers, 0.0).sum(axis=1, keepdims=True)
    low, high = float(np.nanmin(answers, initial=0)), float(np.max(total, initial=0))
    incomplete = outputs == "probabilities" and bool((total < 1 - SUM_TOLERANCE).any())
    if low < 0 or high > 1 + SUM_TOLERANCE or incomplete:
        found_numbers = f"numbers from {low:.3g} whose sums are {float(total.min()):.3g} to {high:.3g}"
        raise RecipeError(Problem(place, f"{found_numbers} for {outputs!r}", "probabilities, or logits or features"))
    missing = (~named).sum(axis=1, keepdims=True)
    rest = np.maximum(1 - total, REST) / np.maximum(missing, 1)
    return np.log(np.maximum(np.where(named, answers, rest), SMALLEST)).astype(np.float32)
