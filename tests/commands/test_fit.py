"""`xmr.fit` on texts, arrays, frames and paths: the same run as on the command line, and what a notebook shows."""

import pickle

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xmr
from xmr.commands.fit import _apart, labels_of
from xmr.data.records import Records
from xmr.data.settings import DataSettings
from xmr.errors import DataError, OutputError, ProgramError, RecipeError

IDENTITY = {"name": "identity", "width": 16}
SMALL = {"source": IDENTITY, "ensemble": 1, "training__epochs": 1, "training__min_steps": 0, "baselines": ["majority"]}


def peptides(n):
    """Sequences, all different, with charged ones on one side."""
    rng = np.random.default_rng(0)
    letters = ["ACDEFGHILMNPQSTVWY", "KRKRKRACFILW"]
    return ["".join(rng.choice([*letters[i % 2]], 12 + i % 9)) for i in range(n)], [
        ["no", "yes"][i % 2] for i in range(n)
    ]


@pytest.fixture(scope="module")
def run():
    texts, labels = peptides(400)
    return xmr.fit("protein", texts, labels, data__split__by="random", **SMALL)


def test_a_kind_of_data_gives_a_run(run):
    assert run.recipe.task == "classification"
    assert run.recipe.encoder["name"] == "protein"
    assert run.metrics["finished"] is True
    assert run.metrics["test"]["auroc"] > 0.9
    predicted = run.program.predict(["KRKRKRKRKRKRACF", "ACDEFGHILMNPQ"]).values
    assert predicted[0, run.program.task.names.index("yes")] > 0.5 > predicted[1, run.program.task.names.index("yes")]


def test_what_a_notebook_shows_is_escaped(run):
    shown = run._repr_html_()
    assert "<td>program</td>" in shown
    assert "<td>majority</td>" in shown
    assert "95 % interval" in shown
    framed = run.report()._repr_html_()
    assert framed.startswith("<iframe sandbox srcdoc=")
    assert "<script" not in framed
    bad = xmr.Run(run.folder)
    bad.metrics["recipe"] = "<script>alert(1)</script>"
    bad.metrics["verdict"] = ["<img src=x>"]
    assert "<script" not in bad._repr_html_()
    assert "<img" not in bad._repr_html_()


def test_a_comparison_uses_the_records_in_memory(run):
    found = run.compare(seeds=1, skip=["descriptors_forest", "cnn", "shuffled labels", "shuffled positions"])
    assert {"program", "majority"} <= {cell.row for cell in found.cells}
    assert "all labels" in found._repr_html_()
    again = run.compare(seeds=1, skip=["descriptors_forest", "cnn", "shuffled labels", "shuffled positions"])
    assert [cell.values for cell in again.cells] == [cell.values for cell in found.cells]


def test_what_predictions_depend_on(run):
    found = run.program.explain(["KRKRACDEFGHQSTV", "ACDEFGHILMNPQ"])
    assert found.drops.shape[0] == 2
    assert found.patches.shape == (2, 15)
    assert found.ids == ("1", "2")
    towards = found.drops[0] * (1 if run.program.task.names[found.predicted[0]] == "yes" else -1)
    assert towards[:4].mean() > towards[4:].mean()
    assert found._repr_html_().count("<span") > 28
    assert len(run.program.explain(["KRKRKRKRKRKR"], patches=3).drops[0]) == 3
    with pytest.raises(RecipeError, match="1 to 64"):
        run.program.explain(["ACD"] * 65)
    with pytest.raises(DataError, match="expected"):
        run.program.explain(["1234"])


@pytest.mark.slow
def test_few_records_are_tested_in_folds(tmp_path):
    texts, labels = peptides(90)
    run = xmr.fit("protein", texts, np.array(labels), folder=tmp_path / "run", **SMALL)
    assert run.recipe.data.split.by == "cross_validation"
    assert run.metrics["metric"] == "auroc"
    assert run.metrics["test"]["auroc"] > 0.9
    assert "program" in run._repr_html_()
    assert xmr.Run(tmp_path / "run").metrics["test"] == run.metrics["test"]
    assert run.program.predict(texts[:3]).values.shape == (3, 2)


def test_frames_arrays_and_numbers(tmp_path):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(320, 3))
    y = X[:, 0] * 2 + 0.1 * rng.normal(size=320)
    run = xmr.fit("table", X, y, **SMALL)
    assert run.recipe.task == "regression"
    assert run.metrics["test"]["spearman"] > 0.5
    frame = pd.DataFrame({"a": X[:, 0], "kind": rng.choice(["x", "y"], 320)})
    run = xmr.fit("table/custom", frame, pd.Series(X[:, 0] > 0, name="sign"), folder=tmp_path / "run", **SMALL)
    assert run.program.task.names == ("false", "true")
    assert run.metrics["test"]["accuracy"] > 0.8
    assert xmr.fit("table/custom", frame, X[:, 0] > 0, folder=tmp_path / "again", **SMALL).metrics["n_test"] == 64
    with pytest.raises((ProgramError, OutputError), match="another recipe"):  # other records in the same folder
        xmr.fit("table/custom", frame[:300], X[:300, 0] > 0, folder=tmp_path / "run", resume=True, **SMALL)
    several = xmr.fit("table", X, np.stack([X[:, 0] > 0, X[:, 1] > 0], axis=1).astype(int), **SMALL)
    assert several.recipe.task == "multilabel"
    assert several.program.predict(X[:4]).values.shape == (4, 2)


def test_labels_that_are_columns_of_the_frame():
    frame = pd.DataFrame({"x": [1, 2], "a": [0, 1], "b": [1, 0]})
    X, y = _apart(frame, "a")
    assert ([*X.columns], y.to_list()) == (["x", "b"], [0, 1])
    assert [[*part.columns] for part in _apart(frame.loc[[0, 1, 1]], ["a", "b"])] == [["x"], ["a", "b"]]
    assert _apart(frame, ["x", "a"])[0] is frame  # a label for each of two records
    assert _apart(None, None) == (None, None)


def test_series_and_images(tmp_path):
    rng = np.random.default_rng(0)
    label = np.arange(320) % 2
    series = np.sin(np.linspace(0, 6 + 6 * label[:, None], 24, axis=1)[:, 0]) + 0.1 * rng.normal(size=(320, 24))
    patched = {**SMALL, "transform": {"name": "signal_patches"}, "output": "linear", "source": IDENTITY}
    run = xmr.fit("series/ucr", series, label, **{**patched, "data__split__by": "random"})
    assert run.metrics["n_test"] == 64
    for number in range(30):
        side = (rng.random((8, 8)) * 80 + 150 * (number % 2)).astype(np.uint8)
        Image.fromarray(side).save(tmp_path / f"{number}.png")
    paths = [tmp_path / f"{number}.png" for number in range(30)]
    pixels = {**SMALL, "encoder__size": 8, "data__split": {"by": "random", "test": 0.3}, "training__epochs": 5}
    run = xmr.fit("image/digits_minilm", paths, label[:30], **pixels)
    assert run.metrics["test"]["accuracy"] > 0.9
    assert run.program.predict(paths[:2]).ids == ["0.png", "1.png"]


STEPS = {**SMALL, "transform": {"name": "signal_patches"}, "source": IDENTITY, "baselines": ["last_value"]}


def test_tables_over_time_in_memory(tmp_path):
    hours = pd.date_range("2020-01-01", periods=400, freq="h")
    waves = np.sin(np.arange(400)[:, None] * 2 * np.pi / 24 + [0, 1]) * [1, 3] + [0, 5]
    frame = pd.DataFrame(waves, columns=["y", "load"], index=hours)
    run = xmr.fit("forecast", frame, **STEPS, training__learning_rate=0.01, folder=tmp_path / "run")
    assert (run.recipe.task, run.recipe.encoder["season"]) == ("forecasting", 24)
    assert run.metrics["test"]["mse"] < run.metrics["baselines"]["last_value"]["mse"]
    steps = run.recipe.encoder["horizon"]
    found = run.program.predict(frame[:300])  # in units of the frame, after its last row
    assert found.ids == ["2020-01-13 12:00:00 y", "2020-01-13 12:00:00 load"]
    assert np.abs(found.values - waves[300 : 300 + steps].T).mean() < 1.0
    frame.rename_axis("when").to_csv(tmp_path / "t.csv")
    written = xmr.fit("forecast", tmp_path / "t.csv", data__time="when", **STEPS, training__learning_rate=0.01)
    assert written.metrics["test"] == run.metrics["test"]
    np.testing.assert_allclose(written.program.predict(frame[:300]).values, found.values)
    again = xmr.fit(str(tmp_path / "run" / "recipe.yaml"), frame.reset_index(names="date"))
    assert again.metrics["test"] == run.metrics["test"]


def test_series_and_arrays_over_time():
    months = pd.Series(np.sin(np.arange(120) / 2), pd.period_range("2010-01", periods=120, freq="M"), name="sales")
    run = xmr.fit("forecast", months, **STEPS)
    assert run.recipe.encoder["season"] == 12
    assert run.program.predict(months).ids == ["after 2019-12-01 00:00:00 sales"]
    run = xmr.fit("forecast", months.to_numpy(), **STEPS)
    assert run.program.predict(months.to_numpy()).ids == ["120 value"]
    place = pd.DataFrame({"when": range(7, 127), "load": months.to_numpy(), "where": "here"})
    run = xmr.fit("forecast", place, data__time="when", data__ignore_columns=["where"], **STEPS)
    assert run.program.predict(place[:100]).ids == ["107 load"]
    with pytest.raises(RecipeError, match="no y"):
        xmr.fit("forecast", months, [0] * 120)
    with pytest.raises(ValueError, match=r"\(time, channels\)"):
        xmr.fit("forecast", np.zeros((3, 4, 5)))
    with pytest.raises(DataError, match="times in order"):
        xmr.fit("forecast", months[::-1], **STEPS)


def test_paths_of_files(tmp_path):
    texts, labels = peptides(60)
    pd.DataFrame({"sequence": texts, "active": labels}).to_csv(tmp_path / "mine.csv", index=False)
    run = xmr.fit("protein/custom", tmp_path / "mine.csv", "active", data__split__by="random", **SMALL)
    assert run.metrics["n_test"] == 12
    run = xmr.fit("protein", str(tmp_path / "mine.csv"), "active", data__split__by="random", **SMALL)
    assert run.recipe.task == "classification"


def test_a_recipe_with_its_own_data_and_sections_in_memory():
    run = xmr.fit("table/wine", **SMALL)
    assert run.metrics["test"]["accuracy"] > 0.8
    X, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 2
    body = {
        "task": "classification",
        "data": {"path": "nowhere.csv"},
        "encoder": {"name": "table"},
        "source": IDENTITY,
        "transform": {"name": "feature_tokens"},
        "output": {"name": "ridge"},
        "training": {"epochs": 0},
    }
    run = xmr.fit(body, X, y)
    assert run.metrics["n_train"] == 43


def test_wrong_arguments_are_one_message(tmp_path):
    with pytest.raises(RecipeError, match="one per record"):
        xmr.fit("protein", ["ACD", "ACDE"], [1], **SMALL)
    with pytest.raises(RecipeError, match="texts, an array, a frame or paths"):
        xmr.fit("protein")
    with pytest.raises(RecipeError, match="did you mean"):
        xmr.fit("protein", *peptides(40), trainin__epochs=3)
    with pytest.raises(ValueError, match="expected numbers"):
        xmr.fit("table", ["a", "b"], [0, 1])
    with pytest.raises(ProgramError, match="no finished run"):
        xmr.Run(tmp_path)


def test_labels_in_every_form():
    assert labels_of([1, 0]) == {"label": ["1", "0"]}
    assert labels_of(np.array([0.5, 2.0])) == {"label": ["0.5", "2"]}
    assert labels_of(pd.Series([True, False], name="on")) == {"on": ["true", "false"]}
    assert labels_of(pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})) == {"a": ["x", "y"], "b": ["1", "2"]}
    assert labels_of(np.array([[1, 0], [0, 1]])) == {"label 1": ["1", "0"], "label 2": ["0", "1"]}
    assert labels_of(["HHE", "EE"]) == {"label": ["HHE", "EE"]}


def test_settings_with_records_are_pickled_for_other_processes():
    held = DataSettings(path="x").holding(Records.of(["a"], {"label": ["1"]}))
    assert pickle.loads(pickle.dumps(held)).held.inputs == ["a"]
    assert held.model_copy(deep=True).held is held.held
    assert "a" not in held.model_dump().values()
