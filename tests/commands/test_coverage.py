"""Prediction sets hold the truth as often as asked for, and rest on records that training has not seen."""

import csv

import numpy as np
import pytest
import torch

from tests.commands.test_evaluate import folder as trained
from xmr.cli.app import execute
from xmr.commands.prediction_table import is_prediction_header
from xmr.tasks.classification import Classification
from xmr.tasks.regression import Regression

folder = trained


def test_a_class_is_in_the_set_from_its_probability_on():
    task = Classification(("a", "b", "c"), "label")
    values = np.array([[0.5, 0.3, 0.2], [0.9, 0.06, 0.04], [0.4, 0.35, 0.25]])
    np.testing.assert_allclose(task.nonconformity(values, np.array([1, 0, 2])), [0.7, 0.1, 0.75])
    assert task.within(values, 0.72) == {"prediction_set": ["a|b", "a", "a|b"]}
    assert task.within(values, 0.05) == {"prediction_set": ["a", "a", "a"]}, "never empty"


@pytest.mark.parametrize("quantiles", [(), (tuple(np.linspace(10, 30, 101)),)])
def test_an_interval_has_the_units_of_the_labels(quantiles):
    task = Regression(("y",), "y", (20.0,), (4.0,), quantiles=quantiles)
    own = np.array([[18.0], [26.0]])
    scaled = torch.from_numpy(task.scaled(own)).float().numpy()
    np.testing.assert_allclose(task.nonconformity(np.array([[19.0], [22.0]]), scaled), [1, 4], atol=1e-3)
    found = task.within(np.array([[19.0], [22.0]]), 1.5)
    assert found == {"lower": [17.5, 20.5], "upper": [20.5, 23.5]}


def labelled(folder, rows):
    path = folder / "labelled.csv"
    path.write_text("id,sequence,label\n" + "".join(f"{n},{s},{label}\n" for n, (s, label) in enumerate(rows)))
    return path


def table(path):
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_sets_from_a_labelled_file_cover_as_many_as_asked_for(folder, tmp_path, capsys):
    rng = np.random.default_rng(1)
    new = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 12)) for _ in range(19)]
    with (tmp_path / "x.csv").open() as handle:
        seen = [(row["sequence"], row["label"]) for row in csv.DictReader(handle) if row["label"] != "odd"][:5]
    truth = [("a", "b")[rng.integers(2)] for _ in new]
    path = labelled(tmp_path, [*zip(new, truth), *seen])
    ask = ["predict", str(folder), str(path), "-o", str(tmp_path / "out.csv")]
    assert execute([*ask, "--calibrate", str(path), "--coverage", "0.8"]) == 0
    said = capsys.readouterr().err
    assert "note: coverage of 80% from " in said
    assert "others were in training" in said
    rows = table(tmp_path / "out.csv")
    assert is_prediction_header([*rows[0]])
    held = [label in row["prediction_set"].split("|") for row, label in zip(rows, truth)]
    assert sum(held) >= 16  # ceil(20 * 0.8) of these very records
    errors = sorted(1 - float(row[f"p[{label}]"]) for row, label in zip(rows, truth))
    limit = errors[15]
    for row in rows[:19]:
        expected = [name for name in ("a", "b") if 1 - float(row[f"p[{name}]"]) <= limit + 1e-6]
        assert set(expected) <= set(row["prediction_set"].split("|"))


def test_too_few_or_wrong_records_are_one_line(folder, tmp_path, capsys):
    path = labelled(tmp_path, [("WWWWKKKKWW", "a"), ("KKKKWWWWKK", "b")])
    ask = ["predict", str(folder), str(path), "-o", str(tmp_path / "out.csv"), "--calibrate"]
    for file, said in (
        (
            path,
            "found 2 labelled records that were not in training or validation; expected at least 9 for --coverage 0.9",
        ),
        (tmp_path / "none.csv", "none.csv: found no such file"),
    ):
        assert execute([*ask, str(file)]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert len(err.splitlines()) == 1
    assert not (tmp_path / "out.csv").exists()
