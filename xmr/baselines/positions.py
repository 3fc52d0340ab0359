"""Labels at every position: class frequencies, or a linear model on a window around each position."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.linear_model import SGDClassifier

from xmr.baselines.base import BaselineInput
from xmr.core.kinds import SymbolSet
from xmr.tasks.base import IGNORE

WIDTH = 15  # positions of a window


def majority(data: BaselineInput) -> np.ndarray:
    """The class frequencies of the labelled training positions, for every position: (positions, K)."""
    target = data.targets["train"]
    scored = target != IGNORE
    fractions = np.bincount(target[scored], minlength=data.task.outputs) / scored.sum()
    return np.tile(fractions, (len(data.sets["test"].flat), 1))


def window_linear(data: BaselineInput) -> np.ndarray:
    """Multinomial logistic regression on one-hot windows: (positions, K)."""
    target = data.targets["train"]
    symbols = len(data.spec.symbols)
    scored = target != IGNORE
    model = SGDClassifier(loss="log_loss", alpha=1e-6, max_iter=8, tol=None, random_state=data.seed, average=True)
    model.fit(_windows(data.sets["train"], symbols, WIDTH)[np.flatnonzero(scored)], target[scored])
    test = _windows(data.sets["test"], symbols, WIDTH)
    result = np.zeros((test.shape[0], data.task.outputs))
    result[:, model.classes_.astype(int)] = model.predict_proba(test)
    return result


def _windows(data: SymbolSet, symbols: int, width: int) -> Any:
    """One-hot of the `width` positions around each position of a set: sparse (positions, width * symbols)."""
    flat, total = data.flat.numpy().astype(np.int64), len(data.flat)
    record = np.repeat(np.arange(len(data)), data.lengths)
    rows, columns = [], []
    for slot, shift in enumerate(range(-(width // 2), width // 2 + 1)):
        place = np.arange(total) + shift
        inside = (place >= 0) & (place < total)
        inside[inside] &= record[place[inside]] == record[inside]
        rows.append(np.flatnonzero(inside))
        columns.append(slot * symbols + flat[place[inside]])
    spots = (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_matrix((np.ones(len(spots[0]), np.float32), spots), (total, width * symbols))
