"""Baselines learn what they should, see train only, and give values of a program's shape."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import softmax

from tests.global_states import left_alone
from tests.tiny import tiny_model, tiny_source, tiny_vision
from xmr.baselines import registry as registry_module
from xmr.baselines.base import FUTURE, PER_POSITION, Baseline, BaselineInput, Case, where
from xmr.baselines.linear_probe import PlainImages
from xmr.baselines.registry import BASELINES, BaselineRegistry
from xmr.baselines.sequences import kmer_counts, one_hot
from xmr.baselines.tables import coded
from xmr.core.kinds import TableSet
from xmr.encoders.image import ImageEncoder
from xmr.encoders.protein import ProteinEncoder
from xmr.encoders.table import TableEncoder
from xmr.errors import RecipeError
from xmr.outputs.ridge import solve
from xmr.tasks.base import task_class
from xmr.transforms.feature_tokens import FeatureTokens
from xmr.transforms.vocabulary import FreeEmbedding


def run_baseline(name, data):
    """Any baseline, which must leave the caller's generators where they are."""
    with left_alone():
        return registry_module.run_baseline(name, data)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch, tmp_path):
    """Short training, and a tiny protein language model instead of one of the hub."""
    tiny_model("esm").save_pretrained(tmp_path / "esm")
    monkeypatch.setenv("XMR_PROTEIN_LM", str(tmp_path / "esm"))
    monkeypatch.setattr("xmr.baselines.fine_tuning.STEPS", 30)


def case(**facts):
    return Case(**{"encoder": "protein", "emits": "symbols", "space": "token", **facts})


def baseline_input(reader, records, task, source, render=None, *, seed=0, validation=20, test=40, gap=20, **facts):
    """The input of a baseline as a run makes it, and the targets of the test part, which it does not hold."""
    n = len(records)
    begin = n - test - gap
    cut = {"train": range(begin), "validation": range(begin, begin + validation), "test": range(n - test, n)}
    held = {name: records.take(index) for name, index in cut.items()}
    reader.fit(held["train"])
    targets = task_class(task).fit(held["train"])
    truth = {name: targets.encode(part).numpy() for name, part in held.items()}
    generator = torch.Generator().manual_seed(0)
    data = BaselineInput(
        case=case(emits=reader.emits, space=source.space_kind, **facts),
        texts={name: reader.canonical(part) for name, part in held.items()},
        sets={name: reader.encode(part) for name, part in held.items()},
        targets={name: truth[name] for name in ("train", "validation")},
        task=targets,
        spec=reader.spec,
        seed=seed,
        source=source,
        arrays={name: part.arrays for name, part in held.items()},
        untrained=render and render.build(reader.spec, source.space, generator).eval(),
    )
    return data, truth["test"]


def protein_parts(task, n=160, seed=0, validation=20):
    encoder = ProteinEncoder()
    encoder.configure(64)
    more = {"seed": seed, "validation": validation, "predicts": task_class(task).predicts}
    return baseline_input(encoder, encoder.example(n, seed, task), task, tiny_source(), FreeEmbedding(), **more)


def image_parts(task, n=120, validation=10, source=None):
    """Images of 8 x 8 pixels whose bright corner is the label, before a tiny image model."""
    encoder = ImageEncoder(size=8)
    return baseline_input(
        encoder, encoder.example(n, 0, task), task, source or tiny_vision("resnet"), validation=validation, gap=10
    )


def table_parts(task, n=160, validation=20):
    """Rows whose age and trade are the label, before a tiny language model."""
    encoder = TableEncoder()
    return baseline_input(
        encoder, encoder.example(n, 0, task), task, tiny_source(), FeatureTokens(), validation=validation
    )


def test_the_probe_of_several_depths_is_the_ridge_of_the_programs():
    data, _ = image_parts("classification", source=tiny_vision("resnet", feature_layers=3))
    found, plain = run_baseline("linear_probe", data), PlainImages(data.source.space)
    seen = {
        name: data.source.features(plain(part.batch(np.arange(len(part))))).float().numpy()
        for name, part in data.sets.items()
    }
    both = np.concatenate([seen["train"], seen["validation"]])
    truth = np.concatenate([data.targets["train"], data.targets["validation"]])
    weight, bias = solve(both, np.eye(data.task.outputs)[truth] * 2 - 1)
    np.testing.assert_allclose(found, softmax(seen["test"] @ weight.T + bias, axis=1), rtol=1e-3, atol=1e-5)


def test_no_baseline_holds_the_targets_of_the_test_part():
    assert set(protein_parts("classification")[0].targets) == {"train", "validation"}


# One of the tasks has no validation part each time, as recipes with a head in closed form have none.
@pytest.mark.parametrize(("task", "validation"), [("classification", 20), ("regression", 20), ("multilabel", 0)])
def test_every_baseline_on_tables(task, validation):
    data, truth = table_parts(task, validation=validation)
    for name, baseline in BASELINES.suiting(data.case).items():
        values = run_baseline(name, data)
        assert values.shape == (40, data.task.outputs)
        assert np.isfinite(values).all()
        found = data.task.metrics(values, truth)
        if name not in ("majority", "linear_probe"):
            least = 0.75 if task != "regression" else 0.3 if baseline.uses_source else 0.6
            assert found["r2" if task == "regression" else "auroc"] > least, name


def test_trees_see_gaps_and_unseen_values_as_missing():
    data, _ = table_parts("classification")
    seen = coded(data.sets["test"], data.spec)
    assert seen.shape == (40, 4)
    assert np.isnan(seen[:, 1]).sum() == int(data.sets["test"].missing[:, 1].sum()) > 0
    table = TableSet(np.zeros((1, 2), np.float32), np.zeros((1, 2), bool), np.array([[3, 4]]), None, np.ones((1, 2)))
    assert np.isnan(coded(table, data.spec)[0, 2]), "a gap, or a value that training did not see"


@pytest.mark.parametrize(("task", "validation"), [("classification", 10), ("regression", 0), ("multilabel", 0)])
def test_every_baseline_on_pictures(task, validation):
    data, truth = image_parts(task, validation=validation)
    before = data.source.checksum()
    for name in BASELINES.suiting(data.case):
        values = run_baseline(name, data)
        assert values.shape == (40, data.task.outputs)
        assert np.isfinite(values).all()
        found = data.task.metrics(values, truth)
        if task == "classification" and name != "majority":
            assert found["auroc"] > (0.7 if name in ("fine_tuning", "lora") else 0.9), name
    assert data.source.checksum() == before, "fine-tuning must not touch the source itself"
    assert "attention_layer" not in BASELINES.suiting(data.case)


@pytest.mark.parametrize("kind", ["mobilenet", "convnext", "vit", "swin"])
def test_lora_of_every_kind_of_network(kind, monkeypatch):
    """MobileNet looks its convolutions' strides up, adapters or not."""
    monkeypatch.setattr("xmr.baselines.fine_tuning.EPOCHS", 1)
    data, _ = image_parts("classification", source=tiny_vision(kind))
    assert run_baseline("lora", data).shape == (40, data.task.outputs)


@pytest.mark.parametrize(
    ("task", "validation"),
    [("classification", 20), ("regression", 0), ("multilabel", 0), ("sequence_labeling", 0)],
)
def test_every_baseline_of_every_task(task, validation):
    data, truth = protein_parts(task, validation=validation)
    for name in BASELINES.suiting(data.case):
        values = run_baseline(name, data)
        assert values.shape == (len(truth), data.task.outputs)
        assert np.isfinite(values).all()
        if task.endswith("classification"):
            assert np.allclose(values.sum(axis=1), 1, atol=1e-3)


@pytest.mark.parametrize("name", ["composition_logistic", "kmer_logistic", "kmer_forest"])
def test_composition_is_learned(name):
    data, truth = protein_parts("classification", 400)
    found = data.task.metrics(run_baseline(name, data), truth)
    assert found["auroc"] > 0.8


@pytest.mark.parametrize("name", ["cnn", "window_linear"])
def test_a_rule_per_position_is_learned(name):
    data, truth = protein_parts("sequence_labeling", 200)
    found = data.task.metrics(run_baseline(name, data), truth)
    majority = run_baseline("majority", data)
    floor = data.task.metrics(majority, truth)
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
        run_baseline("kmer_forst", protein_parts("classification")[0])


def test_which_baselines_suit():
    text = BASELINES.suiting(case(encoder="text"))
    assert "kmer_forest" in text
    assert "descriptors_forest" not in text, "letters alone do not make a protein"
    assert list(BASELINES.suiting(case(predicts=PER_POSITION))) == ["majority", "window_linear", "cnn"]
    forecasts = ["last_value", "seasonal_naive", "linear", "dlinear"]
    assert list(BASELINES.suiting(case(emits="signal", predicts=FUTURE))) == forecasts
    wave = BASELINES.suiting(case(encoder="audio", emits="signal", space="wave"))
    assert [name for name, baseline in wave.items() if baseline.uses_source] == ["linear_probe"]
    assert [name for name, baseline in text.items() if baseline.is_control] == ["attention_layer"]


@pytest.fixture
def registry(registries):
    """The registry, with what a test adds taken out again."""
    return BASELINES


def test_a_new_kind_of_records_has_the_general_baselines_and_its_own(registry):
    graph = case(encoder="graph", emits="graph")
    assert list(registry.suiting(graph)) == ["majority", "linear_probe", "fine_tuning", "lora", "attention_layer"]
    data = replace(protein_parts("classification")[0], case=graph)
    assert run_baseline("majority", data).shape == (40, 2)
    with pytest.raises(RecipeError, match=r"found 'kmer_forest'; expected one of .*majority"):
        run_baseline("kmer_forest", data)
    registry.add(Baseline("degrees", "their mean", where(emits="graph"), lambda data: np.full((40, 2), 0.5)))
    assert np.array_equal(run_baseline("degrees", data), np.full((40, 2), 0.5))
    registry.add(Baseline("flat", "of a wrong shape", where(emits="graph"), lambda data: np.zeros(40)))
    with pytest.raises(RecipeError, match=r"baseline flat: found values of shape \(40,\); expected \(records, 2\)"):
        run_baseline("flat", data)


def test_entry_points_are_found_once(monkeypatch):
    own = Baseline("own", "of a package", where(), lambda data: np.zeros((1, 1)))
    monkeypatch.setattr("xmr.core.registry.entry_points", lambda group: [SimpleNamespace(load=lambda: own)])
    found = BaselineRegistry("xmr.baselines", [])
    assert [each.name for each in found] == [each.name for each in found] == ["own"]
