"""What one would do otherwise: baselines on the same split, beside every result."""

SEQUENCE_BASELINES = (
    "majority",
    "length_only",
    "composition_logistic",
    "kmer_logistic",
    "kmer_forest",
    "onehot_linear",
    "onehot_forest",
    "cnn",
)
RESIDUE_BASELINES = ("majority", "window_linear", "cnn")


def baselines_of(task: str) -> tuple[str, ...]:
    """The baselines that a task has."""
    return RESIDUE_BASELINES if task == "residue_classification" else SEQUENCE_BASELINES
