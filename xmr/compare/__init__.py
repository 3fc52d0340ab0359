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
IMAGE_BASELINES = ("majority", "pixel_logistic", "pixel_forest", "cnn")
SIGNAL_BASELINES = ("majority", "logistic", "mfcc_logistic", "minirocket", "dtw_1nn", "cnn", "linear_probe")
TABLE_BASELINES = ("majority", "logistic", "hist_gradient_boosting", "random_forest")
FORECAST_BASELINES = ("last_value", "seasonal_naive", "linear")
VISION_BASELINES = ("linear_probe", "fine_tuning")  # these use the recipe's own source


TOKEN_BASELINES = ("linear_probe",)  # of a language source


def baselines_of(task: str, emits: str = "Symbols", space: str = "token") -> tuple[str, ...]:
    """The baselines of a task on one kind of records, before a source of one space."""
    if emits == "Image":
        return IMAGE_BASELINES + (VISION_BASELINES if space == "pixel" else ())
    if emits == "Table":
        return TABLE_BASELINES + TOKEN_BASELINES
    if task == "forecasting":
        return FORECAST_BASELINES
    if emits == "Signal":
        return SIGNAL_BASELINES
    if task == "residue_classification":
        return RESIDUE_BASELINES
    return SEQUENCE_BASELINES + (TOKEN_BASELINES if space == "token" else ())
