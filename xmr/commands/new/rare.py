"""What a rare class asks of a recipe: weights, a metric that sees it, and a threshold at which it is predicted."""

from __future__ import annotations

from collections import Counter

from xmr.commands.new.base import Draft, Sample

RARE = 0.2  # of the fraction that each class would have if all were alike: 10 % of two classes
VALIDATION = 0.2  # fraction for validation, on which the threshold is chosen


def for_rare_classes(made: Draft, sample: Sample) -> None:
    """Set class weights, the metric and, of two classes, the positive one and its threshold, and say so, in place."""
    if not (sample.task.classes and sample.task.single_target):
        return
    counts = Counter(next(iter(sample.records.labels.values())))
    rarest, count = counts.most_common()[-1]
    if len(counts) < 2 or count >= RARE * len(sample.records) / len(counts):
        return
    training, split = made.body["training"], made.body["data"]["split"]
    training |= {"class_weights": "balanced", "metric": "auprc" if len(counts) == 2 else "mcc"}
    said = f"{rarest} is rare, so classes are weighted and the metric is {training['metric']}"
    if len(counts) == 2:
        made.body["data"]["positive"] = rarest
        training["threshold"] = "validation"
        if "validation" not in sample.records.role:
            split["validation"] = VALIDATION
        said += "; the threshold of predicting it is chosen on validation records"
    made.found.append(said)
