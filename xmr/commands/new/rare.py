"""What a rare class asks of a recipe: weights, a metric that sees it, and a threshold at which it is predicted."""

from __future__ import annotations

from collections import Counter

from xmr.commands.new.base import Draft, Sample

RARE = 0.2  # of the fraction that each class would have if all were alike: 10 % of two classes
VALIDATION = 0.2  # fraction for validation, on which the threshold is chosen


def for_rare_classes(made: Draft, sample: Sample) -> None:
    """Set class weights, the metric and thresholds, and of two classes the positive one, and say so, in place."""
    if sample.task.several_columns and sample.task.has_threshold:
        _for_rare_labels(made, sample)
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


def _for_rare_labels(made: Draft, sample: Sample) -> None:
    """The metric and the thresholds of several labels, where few records have one of them, or lack it."""
    task = sample.task.fit(sample.records)
    counts = task.counts(task.encode(sample.records))
    shares = {name: count / len(sample.records) for name, count in counts.items()}
    rarest = min(shares, key=lambda name: min(shares[name], 1 - shares[name]))
    if min(shares[rarest], 1 - shares[rarest]) >= RARE / 2:
        return
    made.body["training"] |= {"metric": "auprc", "threshold": "validation"}
    if "validation" not in sample.records.role:
        made.body["data"]["split"]["validation"] = VALIDATION
    made.found.append(
        f"{rarest} holds for {shares[rarest]:.1%} of the records, so the metric is auprc; the threshold of each label "
        "is chosen on validation records"
    )
