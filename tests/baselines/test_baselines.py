"""Baselines learn what they should, see train only, and give values of a program's shape."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from tests.global_states import left_alone
from tests.tiny import tiny_source, tiny_vision
from xmr.baselines import RESIDUE_BASELINES, SEQUENCE_BASELINES, SOURCE_BASELINES, base, baselines_of
from xmr.baselines.base import BaselineInput, kmer_counts, one_hot
from xmr.baselines.linear_probe import plain
from xmr.baselines.tables import coded
from xmr.baselines.tables import one_hot as hot
from xmr.core.kinds import TableSet
from xmr.data.targets import Targets
from xmr.encoders.image import ImageEncoder
from xmr.encoders.protein import ProteinEncoder
from xmr.encoders.table import TableEncoder
from xmr.errors import RecipeError
from xmr.metrics.metrics import metrics_of
from xmr.outputs.ridge import solve
from xmr.transforms.feature_tokens import FeatureTokens
from xmr.transforms.vocabulary import FreeEmbedding


def run_baseline(name, data):
    """Any baseline, which must leave the caller's generators where they are."""
    with left_alone():
        return base.run_baseline(name, data)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("xmr.baselines.fine_tuning.STEPS", 30)


def parts(task, n=160, seed=0, validation=20):
    encoder = ProteinEncoder(columns="all")
    encoder.bind(64)
    records = encoder.example(n, seed, task)
    cut = {"train": range(n - 60), "validation": range(n - 60, n - 60 + validation), "test": range(n - 40, n)}
    held = {name: records.take(index) for name, index in cut.items()}
    targets, source = Targets.fit(task, held["train"]), tiny_source()
    render = FreeEmbedding().build(encoder.spec, source.space, torch.Generator().manual_seed(0)).eval()
    return BaselineInput(
        {name: encoder.canonical(part) for name, part in held.items()},
        {name: encoder.encode(part) for name, part in held.items()},
        {name: targets.encode(part).numpy() for name, part in held.items()},
        targets,
        encoder.spec,
        seed,
        source,
        untrained=render,
    )


def picture_parts(task, n=120, validation=10):
    """Pictures of 8 x 8 pixels whose bright corner is the label, before a tiny vision source."""
    encoder = ImageEncoder(size=8)
    records = encoder.example(n, 0, task)
    cut = {"train": range(n - 50), "validation": range(n - 50, n - 50 + validation), "test": range(n - 40, n)}
    held = {name: records.take(index) for name, index in cut.items()}
    encoder.fit(held["train"])
    targets = Targets.fit(task, held["train"])
    return BaselineInput(
        {name: encoder.canonical(part) for name, part in held.items()},
        {name: encoder.encode(part) for name, part in held.items()},
        {name: targets.encode(part).numpy() for name, part in held.items()},
        targets,
        encoder.spec,
        0,
        tiny_vision("resnet"),
    )


def test_the_probe_of_several_depths_is_the_ridge_of_the_programs():
    data = replace(picture_parts("classification"), source=tiny_vision("resnet", taps=3))
    found = run_baseline("linear_probe", data)
    seen = {
        name: data.source.features(plain(data.source, part.batch(np.arange(len(part))))).float().numpy()
        for name, part in data.sets.items()
    }
    both = np.concatenate([seen["train"], seen["validation"]])
    truth = np.concatenate([data.targets["train"], data.targets["validation"]])
    weight, bias = solve(both, np.eye(data.description.outputs)[truth] * 2 - 1)
    np.testing.assert_allclose(found, softmax(seen["test"] @ weight.T + bias, axis=1), rtol=1e-3, atol=1e-5)


def table_parts(task, n=160, validation=20):
    """Rows whose age and trade are the label, before a tiny language source."""
    encoder = TableEncoder()
    records = encoder.example(n, 0, task)
    cut = {"train": range(n - 60), "validation": range(n - 60, n - 60 + validation), "test": range(n - 40, n)}
    held = {name: records.take(index) for name, index in cut.items()}
    encoder.fit(held["train"])
    targets, source = Targets.fit(task, held["train"]), tiny_source()
    render = FeatureTokens().build(encoder.spec, source.space, torch.Generator().manual_seed(0)).eval()
    return BaselineInput(
        {name: encoder.canonical(part) for name, part in held.items()},
        {name: encoder.encode(part) for name, part in held.items()},
        {name: targets.encode(part).numpy() for name, part in held.items()},
        targets,
        encoder.spec,
        0,
        source,
        untrained=render,
    )


# One of the tasks has no validation part each time, as recipes with a head in closed form have none.
@pytest.mark.parametrize(("task", "validation"), [("classification", 20), ("regression", 20), ("multilabel", 0)])
def test_every_baseline_on_tables(task, validation):
    data = table_parts(task, validation=validation)
    for name in baselines_of(task, "table", "token"):
        values = run_baseline(name, data)
        assert values.shape == (40, data.description.outputs)
        assert np.isfinite(values).all()
        found = metrics_of(task, values, data.targets["test"], data.description)
        if name not in ("majority", "linear_probe"):
            least = 0.75 if task != "regression" else 0.3 if name in SOURCE_BASELINES else 0.6
            assert found["r2" if task == "regression" else "auroc"] > least, name


def test_trees_see_gaps_and_unseen_values_as_missing():
    data = table_parts("classification")
    seen = coded(data.sets["test"], data.spec)
    assert seen.shape == (40, 4)
    assert np.isnan(seen[:, 1]).sum() == int(data.sets["test"].missing[:, 1].sum()) > 0
    table = TableSet(np.zeros((1, 2), np.float32), np.zeros((1, 2), bool), np.array([[3, 4]]), None)
    assert np.isnan(coded(table, data.spec)[0, 2]), "a gap, or a value that training did not see"
    assert hot(table, data.spec).sum() == 0


@pytest.mark.parametrize(("task", "validation"), [("classification", 10), ("regression", 0), ("multilabel", 0)])
def test_every_baseline_on_pictures(task, validation):
    data = picture_parts(task, validation=validation)
    before = data.source.checksum()
    for name in baselines_of(task, "image", "pixel"):
        values = run_baseline(name, data)
        assert values.shape == (40, data.description.outputs)
        assert np.isfinite(values).all()
        found = metrics_of(task, values, data.targets["test"], data.description)
        if task == "classification" and name != "majority":
            assert found["auroc"] > (0.7 if name == "fine_tuning" else 0.9), name
    assert data.source.checksum() == before, "fine-tuning must not touch the source itself"
    assert "attention_layer" not in baselines_of(task, "image", "pixel")


@pytest.mark.parametrize("kind", ["mobilenet", "convnext", "vit", "swin"])
def test_lora_of_every_kind_of_network(kind, monkeypatch):
    """MobileNet looks its convolutions' strides up, adapters or not."""
    monkeypatch.setattr("xmr.baselines.fine_tuning.EPOCHS", 1)
    data = replace(picture_parts("classification"), source=tiny_vision(kind))
    assert run_baseline("lora", data).shape == (40, data.description.outputs)


@pytest.mark.parametrize(
    ("task", "validation"),
    [("classification", 20), ("regression", 0), ("multilabel", 0), ("residue_classification", 0)],
)
def test_every_baseline_of_every_task(task, validation):
    data = parts(task, validation=validation)
    for name in baselines_of(task, encoder="protein"):
        values = run_baseline(name, data)
        assert values.shape == (len(data.targets["test"]), data.description.outputs)
        assert np.isfinite(values).all()
        if task.endswith("classification"):
            assert np.allclose(values.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("name", ["composition_logistic", "kmer_logistic", "kmer_forest"])
def test_composition_is_learned(name):
    data = parts("classification", 400)
    found = metrics_of("classification", run_baseline(name, data), data.targets["test"], data.description)
    assert found["auroc"] > 0.8


@pytest.mark.parametrize("name", ["cnn", "window_linear"])
def test_per_residue_rule_is_learned(name):
    data = parts("residue_classification", 200)
    found = metrics_of("residue_classification", run_baseline(name, data), data.targets["test"], data.description)
    majority = run_baseline("majority", data)
    floor = metrics_of("residue_classification", majority, data.targets["test"], data.description)
    assert found["accuracy"] > floor["accuracy"] + 0.2


def test_features_come_from_training_alone():
    left, right = kmer_counts(["AAC"], ["WWW", "AAA"])
    assert left.shape == (1, 5)  # A, C, AA, AC, AAC
    assert right.toarray()[0].sum() == 0
    assert np.isclose(right.toarray()[1][0], 1.0)
    left, right = one_hot(["AC", "AD"], ["AW", "CC"])
    assert left.shape == (2, 2)  # only what varies: C or D in the second place
    assert right.toarray().tolist() == [[0, 0], [1, 0]]


def test_unknown_baselines():
    with pytest.raises(RecipeError, match="did you mean kmer_forest"):
        run_baseline("kmer_forst", parts("classification"))
    assert set(RESIDUE_BASELINES) & set(SEQUENCE_BASELINES)
