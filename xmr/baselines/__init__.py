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
SIGNAL_BASELINES = ("majority", "logistic", "mfcc_logistic", "minirocket", "dtw_1nn", "cnn")
TABLE_BASELINES = ("majority", "logistic", "hist_gradient_boosting", "random_forest")
FORECAST_BASELINES = ("last_value", "seasonal_naive", "linear")
SOURCE_BASELINES = ("linear_probe", "fine_tuning", "lora", "attention_layer")  # these use the recipe's own source
PROTEIN_BASELINES = ("descriptors_logistic", "descriptors_forest")
CONTROLS = ("attention_layer",)  # of these, what is no alternative but a question put to the source


def baselines_of(task: str, emits: str = "symbols", space: str = "token", encoder: str = "") -> tuple[str, ...]:
    """The baselines of a task on one kind of records, before a source of one space."""
    if task == "forecasting":
        return FORECAST_BASELINES
    if task == "residue_classification":
        return RESIDUE_BASELINES
    simple = {"image": IMAGE_BASELINES, "table": TABLE_BASELINES, "signal": SIGNAL_BASELINES}
    found = simple.get(emits, SEQUENCE_BASELINES) + (PROTEIN_BASELINES if encoder == "protein" else ())
    unable = {"token": (), "pixel": ("attention_layer",)}.get(space, SOURCE_BASELINES[1:])
    return found + tuple(name for name in SOURCE_BASELINES if name not in unable)
