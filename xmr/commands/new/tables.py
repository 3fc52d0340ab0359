"""Tables: columns as tokens of a frozen language model."""

from __future__ import annotations

from typing import Any

from xmr.commands.new.base import Draft, Sample
from xmr.encoders.table import TableEncoder


def table(sample: Sample) -> Draft:
    """Rows of a table; the guess on each column is written out."""
    encoder = TableEncoder()
    encoder.configure(tokenize=lambda texts: [[] for _ in texts])
    said = encoder.fit(sample.records).describe()
    numbers = not sample.task.probabilistic
    split = sample.split(validation=0)
    body: dict[str, Any] = {
        "task": sample.task.name,
        "seed": 0,
        "data": {
            "path": sample.path,
            "target": sample.label,
            "conflicting_labels": "keep",
            "split": split,
        },
        "encoder": {"name": "table", "columns": {column.name: column.kind for column in encoder.seen}},
        "source": {"name": "minilm", "layers": 2, **({"feature_layers": 3} if numbers else {})},
        "transform": {"name": "feature_tokens"},
        "output": {"name": "ridge"},
        "training": {"epochs": 3, "learning_rate": 1e-5 if numbers else 1e-3, "batch_size": 32},
        "ensemble": 4,
        "baselines": ["majority", "logistic", "rbf_svm", "hist_gradient_boosting", "random_forest", "linear_probe"],
    }
    return Draft(body, [sample.found("rows"), *said])
