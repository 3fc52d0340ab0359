"""Few records are tested once each; the program that is kept learns from all of them."""

import csv
import json

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from xmr.cli.app import execute
from xmr.commands.push import described
from xmr.commands.repeated import runs_of
from xmr.core.component import create
from xmr.core.registry import ENCODERS
from xmr.metrics.registry import METRICS
from xmr.metrics.seeds import corrected_interval
from xmr.program_folder import read_facts
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
    pooled = summary["pooled"]["program"]["auroc"]
    assert f"every record was tested once in 5 folds: auroc {pooled:.3f} over all of them" in said
    assert "program of all records: out/all" in said
    card = (tmp_path / "out" / "card.md").read_text()
    assert f"Test auroc {pooled:.3f} (95 % interval {low:.3f} to {high:.3f}), each of 5 folds tested in turn." in card
    assert "| majority |" in card
    shared = described(tmp_path / "out" / "all", read_facts("out")[1])
    assert shared["README.md"] == card
    assert json.loads(shared["metrics.json"])["test"] == summary["pooled"]["program"]
    assert "cross_validation" in shared["recipe.yaml"]
    assert execute(["predict", "out", "x.csv", "-o", "p.csv"]) == 0
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out", "--resume"]) == 0


@pytest.mark.slow
def test_one_figure_one_table_and_one_report_for_all_folds(drafted, tmp_path, capsys):
    two = [*FAST, "data.split={by: cross_validation, folds: 2, validation: 0.3}", "training.threshold=validation"]
    assert execute(["run", "x.yaml", *two, "--quiet", "-o", "out", "--seeds", "2"]) == 0
    out = tmp_path / "out"
    rows = [*csv.DictReader((out / "predictions.csv").open())]
    assert [*rows[0]][:3] == ["seed", "fold", "id"]
    assert sorted(int(row["id"]) for row in rows) == sorted([*range(2, 42)] * 2)
    for row in rows:  # as its fold predicted it, by its own threshold
        each = csv.DictReader((out / f"seed-{row['seed']}-fold-{row['fold']}/predictions.csv").open())
        own = next(one for one in each if one["id"] == row["id"])
        assert float(own["p[b]"]) == pytest.approx(float(row["p[b]"]))
        assert own["predicted"] == row["predicted"]
    summary = json.loads((out / "summary.json").read_text())
    mcc = matthews_corrcoef([row["label"] for row in rows], [row["predicted"] for row in rows])
    assert summary["pooled"]["program"]["mcc"] == pytest.approx(mcc)
    truth, score = [row["label"] == "b" for row in rows], [float(row["p[b]"]) for row in rows]
    assert summary["pooled"]["program"]["auroc"] == pytest.approx(roc_auc_score(truth, score), abs=1e-5)
    assert summary["pooled"]["majority"]["auroc"] == 0.5  # constants of several folds do not rank records
    page = (out / "report.html").read_text()
    assert f'<span class="big">{summary["pooled"]["program"]["auroc"]:.3f}</span>' in page
    assert "mean and standard deviation over 2 folds and 2 seeds" in page
    assert "40 records, each tested in one of 2 folds by a program that learned from the others" in page
    assert "Confusion" in page
    assert "Largest errors" in page
    assert load_recipe(out / "recipe.yaml").data.split.by == "cross_validation"
    capsys.readouterr()
    assert execute(["run", "x.yaml", *FAST, "data.split.folds=4", "--quiet", "-o", "out"]) == 2
    assert "another folder" in capsys.readouterr().err


@pytest.mark.slow
def test_controls_are_added_to_a_cross_validation(drafted, tmp_path):
    assert execute(["run", "x.yaml", *FAST, "--quiet", "-o", "out", "data.split.folds=2"]) == 0
    before = (tmp_path / "out" / "report.html").read_text()
    asked = ["run", "out/recipe.yaml", "--quiet", "-o", "out", "--resume", "--controls"]
    assert execute(asked) == 0
    assert "control: shuffled labels" in (tmp_path / "out" / "report.html").read_text()
    assert "control: shuffled labels" in json.loads((tmp_path / "out" / "summary.json").read_text())["pooled"]
    assert "control: shuffled labels" not in before


def test_folds_and_seeds(drafted):
    runs = runs_of(drafted, 2)
    assert [*runs][:2] == ["seed-0-fold-0", "seed-0-fold-1"]
    assert len(runs) == 10
    assert {(each.seed, each.data.split.by, each.data.split.fold) for each in runs.values()} == {
        (seed, "fold", fold) for seed in (0, 1) for fold in range(5)
    }
    alone = load_recipe("protein/amp")
    assert runs_of(alone) == {"": alone}


def test_clusters_stay_in_one_fold(tmp_path, monkeypatch):
    """20 pairs of near copies: the folds of the drafted recipe part none of them."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    pairs = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 40)) for _ in range(20)]
    rows = [f"{base}{tail},{'ab'[i % 2]}\n" for i, base in enumerate(pairs) for tail in "AC"]
    (tmp_path / "x.csv").write_text("sequence,label\n" + "".join(rows))
    assert execute(["new", "protein", "x.csv"]) == 0
    recipe = load_recipe("x.yaml")
    assert (recipe.data.split.folds, recipe.data.split.keep_together) == (5, "cluster")
    encoder = create(ENCODERS, recipe.encoder)
    encoder.configure(512)
    for fold, each in enumerate(runs_of(recipe).values()):
        prepared = encoder.prepare(each.data, each.task, 0)
        held = [{prepared.records.inputs[i][:-1] for i in part} for part in (prepared.split.train, prepared.split.test)]
        assert not held[0] & held[1]
        assert f"fold {fold} of 5 (seed 0) of 20 groups by 3-mer cosine >= 0.4" in prepared.split.how
        assert "0% of the test records have a near copy in training" in prepared.split.how


def test_the_interval_by_hand():
    values = [0.8, 0.9, 0.7, 0.8, 0.8]
    half = t.ppf(0.975, 4) * np.std(values, ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert corrected_interval(values, 5) == pytest.approx([0.8 - half, 0.8 + half])
    assert corrected_interval([0.8], 5) == [0.8, 0.8]
    assert corrected_interval([1.0, 0.8, 1.0, 0.6], 4, (0.0, 1.0))[1] == 1.0


def test_metrics_have_bounds():
    assert METRICS.get("auroc[kinase]").bounds == (0, 1)
    assert METRICS.get("mcc").bounds == (-1, 1)
    assert METRICS.get("rmse").bounds[0] == 0


def test_what_asks_for_a_split_gets_it(drafted):
    assert execute(["new", "protein", "x.csv", "--split", "random", "--force"]) == 0
    assert load_recipe("x.yaml").data.split.by == "random"
    assert execute(["check", "x.yaml", "data.split.by=cross_validation"]) == 0
