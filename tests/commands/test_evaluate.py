"""`xmr evaluate` knows the records that a program was trained on."""

import csv
import json

import numpy as np
import pytest

from tests.commands.test_leaks import series_job
from tests.test_job import write
from xmr.cli.app import execute
from xmr.commands.run import run
from xmr.recipe.load import load_recipe


def evaluated(folder, path, capsys, *more):
    assert execute(["evaluate", str(folder), str(path), *more]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def folder(tmp_path):
    recipe = write(tmp_path)
    run(recipe.model_copy(update={"baselines": []}), tmp_path / "out", device="cpu")
    return tmp_path / "out"


def test_records_of_training_are_counted_and_the_metrics_given_without_them(folder, tmp_path, capsys):
    with (tmp_path / "x.csv").open() as handle:
        rows = [row for row in csv.DictReader(handle) if row["label"] != "odd"]
    with (tmp_path / "mixed.csv").open("w") as handle:
        handle.write("id,sequence,label\n")
        for number, row in enumerate(rows):  # another order, other ids, lower case
            handle.write(f"n{number},{row['sequence'].lower()},{row['label']}\n")
    found = evaluated(folder, tmp_path / "mixed.csv", capsys)
    assert (found["n"], found["in_training"], found["in_validation"]) == (38, 28, 0)
    assert "28 of 38 records were in training or validation" in found["notes"]
    of_the_run = json.loads((folder / "metrics.json").read_text())
    assert found["without_them"]["n"] == 10
    assert found["without_them"]["test"]["auroc"] == pytest.approx(of_the_run["test"]["auroc"])
    assert found["without_them"]["test_counts"] == {"a": 6, "b": 4}
    assert evaluated(folder / "program", tmp_path / "mixed.csv", capsys)["in_training"] == 28


def test_new_records_need_no_second_table_and_an_old_run_says_that_it_does_not_know(folder, tmp_path, capsys):
    (tmp_path / "new.csv").write_text("sequence,label\nWWWWKKKK,a\nKKKKWWWW,b\n")
    found = evaluated(folder, tmp_path / "new.csv", capsys)
    assert found["in_training"] == 0
    assert {"without_them", "notes"}.isdisjoint(found)
    (folder / "trained_on.npy").write_bytes(b"damaged")
    found = evaluated(folder, tmp_path / "new.csv", capsys)
    assert "in_training" not in found
    assert "not known" in found["notes"][0]


def test_series_are_known_again_in_a_file_of_another_length(tmp_path, capsys):
    series_job(tmp_path, ["a", "b"] * 60, index=False)
    recipe = load_recipe(tmp_path / "r.yaml", ["data.split={by: random, test: 20, validation: 10}"])
    run(recipe, tmp_path / "out", device="cpu")
    lines = (tmp_path / "x.csv").read_text().splitlines()
    rng = np.random.default_rng(0)
    chosen = rng.permutation(np.arange(1, len(lines)))
    wider = [
        lines[0].replace(",label", ",t24,label"),
        *(lines[i].rpartition(",")[0] + ",," + lines[i][-1] for i in chosen),
    ]
    (tmp_path / "wider.csv").write_text("\n".join(wider) + "\n")
    found = evaluated(tmp_path / "out", tmp_path / "wider.csv", capsys)
    assert (found["in_training"], found["in_validation"], found["without_them"]["n"]) == (90, 10, 20)
