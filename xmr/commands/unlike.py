"""How well a program's confidence tells records of its own kind from others."""

from __future__ import annotations

from typing import Any

import numpy as np

from xmr.metrics.classes import areas

KEPT = 0.95  # fraction of the own records that the threshold keeps


def out_of_distribution(own: np.ndarray, other: np.ndarray) -> dict[str, Any]:
    """AUROC of own against other records by their confidence, and the false positives where 95 % of the own are kept.

    own, other: (n,) maximum softmax probability. Source: Hendrycks & Gimpel 2017, arXiv 1610.02136.
    """
    truth = np.repeat([True, False], [len(own), len(other)])[:, None]
    threshold = np.sort(own)[int((1 - KEPT) * len(own))]
    return {
        "n": len(other),
        "auroc": areas(np.concatenate([own, other])[:, None], truth)[0],
        "fpr95": float((other >= threshold).mean()),
    }
