"""Few records are tested once each; the program that is kept learns from all of them."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import t

from xmr.cli.app import execute
from xmr.commands.repeated import runs_of
from xmr.metrics.seeds import corrected_interval
from xmr.recipe.load import load_recipe

FAST = ["ensemble=1", "training.epochs=1", "training.min_steps=5", "source.layers=1", "baselines=[majority]"]


@pytest.fixture
def drafted(tmp_path, monkeypatch):
    """A recipe for 40 peptides of two classes."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [f"{''.join(rng.choice(list('ACDEFGHIKL'), size=9 + i % 4))},{'ab'[i % 2]}\n" for i in range(40)]
    (tmp_path / "x.csv").write_text("sequence,label\n" + "".join(rows))
    assert execute(["new", "protein", "x.csv"]) == 0
    return load_recipe("x.yaml")


def test_every_record_is_tested_once(drafted, tmp_path, capsys):
    assert drafted.data.split.by == "cross_validation"
    assert "# 40 records are few, so each of 5 folds is the test part in turn" in (tmp_path / "x.yaml").read_text()
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out"]) == 0
    tested = [
        row["id"] for fold in range(5) for row in csv.DictReader((tmp_path / f"out/fold-{fold}/predictions.csv").open())
    ]
    assert sorted(tested, key=int) == [str(line) for line in range(2, 42)]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["test_counts"] == {"a": 20, "b": 20}
    low, high = summary["interval"]["auroc"]
    assert low < summary["rows"]["program"]["auroc"]["mean"] < high
    assert summary["paired"] == {}
    whole = json.loads((tmp_path / "out" / "all" / "metrics.json").read_text())
    assert (whole["n_train"] + whole["n_validation"], whole["n_test"], whole["finished"]) == (40, 0, True)
    assert "test" not in whole
    said = capsys.readouterr().err
    assert "every record was tested once in 5 folds: 95 % interval" in said
    assert "program of all records: out/all" in said
    assert execute(["predict", "out", "x.csv", "-o", "p.csv"]) == 0
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out", "--resume"]) == 0


def test_folds_and_seeds(drafted):
    runs = runs_of(drafted, 2)
    assert [*runs][:2] == ["seed-0/fold-0", "seed-0/fold-1"]
    assert len(runs) == 10
    assert {(each.seed, each.data.split.by, each.data.split.fold) for each in runs.values()} == {
        (seed, "fold", fold) for seed in (0, 1) for fold in range(5)
    }
    alone = load_recipe("protein/amp")
    assert runs_of(alone) == {"": alone}


def test_the_interval_by_hand():
    values = [0.8, 0.9, 0.7, 0.8, 0.8]
    half = t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert corrected_interval(values, 5) == pytest.approx([0.8 - half, 0.8 + half])
    assert corrected_interval([0.8], 5) == [0.8, 0.8]


def test_what_asks_for_a_split_gets_it(drafted):
    assert execute(["new", "protein", "x.csv", "--split", "random", "--force"]) == 0
    assert load_recipe("x.yaml").data.split.by == "random"
    assert execute(["check", "x.yaml", "data.split.by=cross_validation"]) == 0
