"""Metrics on numbers worked out by hand; intervals and summaries."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from xmr.data.records import Records
from xmr.errors import DataError, RecipeError
from xmr.metrics.base import Metric, headline
from xmr.metrics.classes import ClassPredictions, calibration_error
from xmr.metrics.intervals import bootstrap
from xmr.metrics.numbers import NumberPredictions
from xmr.metrics.registry import METRICS, MetricRegistry, higher_is_better
from xmr.metrics.seeds import paired_p, summarize
from xmr.tasks.base import IGNORE, restore_task, task_class
from xmr.tasks.classification import Classification
from xmr.tasks.multilabel import Multilabel
from xmr.tasks.regression import Regression
from xmr.tasks.sequence_labeling import SequenceLabeling


def classification_metrics(values, label):
    return METRICS.scores(["classification"], ClassPredictions(values, label))


def regression_metrics(value, truth):
    return METRICS.scores(["regression"], NumberPredictions(value, truth))


def test_binary_by_hand():
    score = np.array([0.9, 0.8, 0.3, 0.1])
    found = classification_metrics(np.stack([1 - score, score], 1), np.array([1, 0, 1, 0]))
    assert found["accuracy"] == 0.5
    assert found["balanced_accuracy"] == 0.5
    assert found["mcc"] == 0
    assert found["auroc"] == 0.75  # three of the four pairs are in order
    assert np.isclose(found["auprc"], (1 + 2 / 3) / 2)
    assert np.isclose(found["brier"], np.mean([0.01, 0.64, 0.49, 0.01]))


@settings(max_examples=80, deadline=None)
@given(st.integers(2, 5), st.integers(2, 40), st.integers(0, 10_000), st.booleans())
def test_equal_to_scikit_learn(classes, n, seed, coarse):
    """Ties, absent classes and constant answers included."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, rng.integers(1, classes + 1), n)
    values = rng.integers(1, 4, (n, classes)).astype(float) if coarse else rng.random((n, classes))
    values /= values.sum(axis=1, keepdims=True)
    found = classification_metrics(values, label)
    chosen = values.argmax(axis=1)
    columns = [1] if classes == 2 else range(classes)
    usable = [c for c in columns if 0 < (label == c).sum() < n]
    present = np.unique(label)
    assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(label, chosen), abs=1e-9)
    assert found["f1"] == pytest.approx(sk.f1_score(label, chosen, average="macro"), rel=1e-15)
    known = {"pos_label": 1} if classes == 2 else {"labels": range(classes)}
    expected = sk.brier_score_loss(label, values[:, 1] if classes == 2 else values, **known)
    assert found["brier"] == pytest.approx(expected, rel=1e-14)
    assert found["balanced_accuracy"] == pytest.approx(
        sk.recall_score(label, chosen, labels=present, average="macro", zero_division=0)
    )
    if usable:
        areas = [sk.roc_auc_score(label == c, values[:, c]) for c in usable]
        precisions = [sk.average_precision_score(label == c, values[:, c]) for c in usable]
        assert found["auroc"] == pytest.approx(np.mean(areas))
        assert found["auprc"] == pytest.approx(np.mean(precisions))


def test_the_class_of_interest():
    records = Records.of(["A"] * 3, {"y": ["AMP", "UniProt", "AMP"]})
    targets = task_class("classification").fit(records, "AMP")
    assert targets.names[targets.positive_class] == "AMP"
    assert restore_task(targets.state()) == targets
    values = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8]])
    found = targets.metrics(values, targets.encode(records))
    assert np.isclose(found["auprc"], (1 + 2 / 3) / 2)  # AMP ranked first and third
    with pytest.raises(DataError, match="did you mean AMP"):
        task_class("classification").fit(records, "AMPP")


def test_perfect_and_absent_classes():
    values = np.eye(3)[[0, 1, 1]]
    found = classification_metrics(values, np.array([0, 1, 1]))
    assert found["accuracy"] == found["auroc"] == found["f1"] == 1
    one = classification_metrics(values[1:], np.array([1, 1]))
    assert np.isnan(one["auroc"])
    assert one["balanced_accuracy"] == 1


def test_calibration_by_hand():
    # two bins: 0.95 sure and right half the time, 0.55 sure and right always
    confidence = np.array([0.95, 0.95, 0.55, 0.55])
    assert np.isclose(calibration_error(confidence, np.array([1, 0, 1, 1], bool)), 0.5 * 0.45 + 0.5 * 0.45)


def test_regression_by_hand():
    found = regression_metrics(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 2.0]))
    assert np.isclose(found["spearman"], 0.5)
    assert np.isclose(found["rmse"], np.sqrt((0 + 1 + 4) / 3))
    assert np.isclose(found["mae"], 1.0)
    assert np.isclose(found["r2"], 1 - 5 / 2)
    assert np.isnan(regression_metrics(np.ones(3), np.arange(3.0))["spearman"])


def test_regression_is_scored_in_its_own_units():
    targets = Regression(("y",), "y", (10.0,), (2.0,))
    found = targets.metrics(np.array([[10.0], [14.0]]), torch.tensor([[0.0], [1.0]]))
    assert np.isclose(found["mae"], 1.0)  # truths are 10 and 12


def test_ignored_residues_do_not_count():
    targets = SequenceLabeling(("C", "H"))
    values = np.array([[0.9, 0.1], [0.1, 0.9], [0.9, 0.1]])
    found = targets.metrics(values, torch.tensor([0, 1, IGNORE]))
    assert found["accuracy"] == 1.0


def test_f1_and_brier_of_several_labels_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    truth, values = rng.integers(0, 2, (40, 3)), rng.random((40, 3))
    found = Multilabel(("a", "b", "c")).metrics(values, torch.tensor(truth, dtype=torch.float32))
    assert found["f1"] == pytest.approx(sk.f1_score(truth, values >= 0.5, average="macro"), rel=1e-15)
    expected = np.mean([sk.brier_score_loss(truth[:, k], values[:, k]) for k in range(3)])
    assert found["brier"] == pytest.approx(expected, rel=1e-14)


def test_multilabel_leaves_unknown_labels_out():
    targets = Multilabel(("a", "b"))
    truth = torch.tensor([[1.0, 0.0], [0.0, float("nan")], [1.0, 1.0]])
    values = np.array([[0.9, 0.1], [0.2, 0.9], [0.8, 0.7]])
    found = targets.metrics(values, truth)
    assert found["accuracy[b]"] == 1.0
    assert found["auroc[a]"] == 1.0


def test_bootstrap_covers_the_value_and_narrows():
    rng = np.random.default_rng(0)
    widths = []
    targets = Classification(("a", "b"))
    for n in (50, 2000):
        label = rng.integers(0, 2, n)
        score = np.clip(0.5 + 0.2 * (label - 0.5) + 0.2 * rng.standard_normal(n), 0, 1)
        values = np.stack([1 - score, score], 1)
        low, high = bootstrap(targets.metrics, values, torch.from_numpy(label), draws=200)["auroc"]
        assert low < targets.metrics(values, label)["auroc"] < high
        widths.append(high - low)
    assert widths[1] < 0.3 * widths[0]


def test_bootstrap_draws_whole_records():
    """Residues of one record always come together: with one record there is no spread."""
    targets = SequenceLabeling(("C", "H"))
    values = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    low, high = bootstrap(targets.metrics, values, torch.tensor([0, 0, 1]), np.array([3]), draws=20)["accuracy"]
    assert low == high == pytest.approx(1 / 3)


def test_what_a_result_opens_with():
    assert headline("auroc", {"accuracy": 0.5, "auroc": 0.0}) == "auroc", "naught is a figure too"
    for undefined in (None, float("nan")):
        assert headline("auroc", {"auroc": undefined, "accuracy": 0.5}) == "accuracy"
    assert headline("auroc", {"accuracy": 0.5}) == "accuracy"
    assert headline("auroc", {"auroc": None}) == "auroc"


@pytest.mark.filterwarnings("error")
def test_paired_p():
    assert paired_p([0.5, 0.6], [0.5, 0.6]) == 1.0
    assert paired_p([1e-9, 2e-9, 3.1e-9], [2e-9, 3e-9, 4e-9]) < 0.05, "errors in small units differ as well"
    assert paired_p([0.9, 0.9 + 1e-15, 0.9], [0.5, 0.5, 0.5]) < 1e-6
    # t = 0.04 / (0.02 / sqrt(3)) = 3.4641 with two degrees of freedom
    assert paired_p([0.52, 0.64, 0.76], [0.5, 0.6, 0.7]) == pytest.approx(0.0742, abs=1e-4)
    assert np.isnan(paired_p([0.5], [0.6]))
    assert np.isnan(paired_p([0.5, 0.6], [0.6]))


def test_summary_over_seeds():
    def result(seed, mine, theirs):
        base = {"b": {"auroc": theirs, "seconds": 1.0}}
        return {
            "seed": seed,
            "test": {"auroc": mine},
            "baselines": base,
            "seconds": {"train": 2.0},
            "trainable_parameters": 5,
        }

    summary = summarize([result(0, 0.9, 0.8), result(1, 0.8, 0.75), result(2, 0.85, 0.76)])
    assert np.isclose(summary["rows"]["program"]["auroc"]["mean"], 0.85)
    assert np.isclose(summary["rows"]["program"]["auroc"]["sd"], 0.05)
    assert 0 < summary["paired"]["b"]["auroc"] < 0.1
    assert "seconds" not in summary["rows"]["b"]


def test_an_unknown_metric_is_named_with_the_nearest():
    assert not higher_is_better("rmse")
    assert higher_is_better("auroc[kinase]")
    with pytest.raises(RecipeError, match=r"metric: found 'rmes'; expected one of .* did you mean rmse"):
        higher_is_better("rmes")


def test_a_metric_of_a_third_party_is_reported(registries):
    METRICS.add(Metric("errors", "how many are wrong", lambda found: float((found.predicted != found.label).sum()),
                       ("classification",), higher_is_better=False))  # fmt: skip
    values = np.array([[0.9, 0.1], [0.2, 0.8]])
    assert Classification(("a", "b")).metrics(values, torch.tensor([0, 0]))["errors"] == 1
    assert "errors" not in SequenceLabeling(("a", "b")).metrics(values, torch.tensor([0, 0]))
    assert not higher_is_better("errors")
    with pytest.raises(RecipeError, match="already registered"):
        METRICS.add(replace(METRICS.get("errors"), higher_is_better=True))


def test_metrics_of_a_package_are_discovered(monkeypatch):
    class Point:
        def load(self):
            return Metric("always", "one", lambda found: 1.0, ("classification",))

    monkeypatch.setattr("xmr.core.registry.entry_points", lambda group: [Point()] if group == "xmr.metrics" else [])
    assert MetricRegistry("xmr.metrics", []).scores(["classification"], None) == {"always": 1.0}
