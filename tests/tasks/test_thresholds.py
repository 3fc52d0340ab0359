"""Decision thresholds and metrics of rare classes, and residues of a class that training lacks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import matthews_corrcoef

from xmr.cli.app import execute
from xmr.core.prediction import Prediction
from xmr.data.records import Records
from xmr.errors import RecipeError
from xmr.metrics.registry import METRICS
from xmr.program import Program
from xmr.recipe.load import load_recipe
from xmr.tasks.base import restore_task
from xmr.tasks.classification import Classification
from xmr.tasks.multilabel import Multilabel
from xmr.tasks.sequence_labeling import SequenceLabeling

RARE = Classification(("common", "rare"), "label", "rare")
SCORES = np.array([0.4, 0.3, 0.35, 0.2, 0.1, 0.1, 0.05, 0.02])
VALUES = np.stack([1 - SCORES, SCORES], axis=1)
TRUTH = torch.tensor([1, 1, 1, 0, 0, 0, 1, 0])


def test_the_threshold_has_the_highest_correlation():
    chosen = RARE.decided(VALUES, TRUTH, TRUTH)
    assert chosen.threshold == pytest.approx(0.25)  # between 0.3 and 0.2
    assert chosen.decide(VALUES).tolist() == [1, 1, 1, 0, 0, 0, 0, 0]
    best = max(matthews_corrcoef(TRUTH, cut <= SCORES) for cut in SCORES)
    assert chosen.metrics(VALUES, TRUTH)["mcc"] == pytest.approx(best)
    assert RARE.metrics(VALUES, TRUTH)["mcc"] == 0
    assert chosen.metrics(VALUES, TRUTH)["auroc"] == RARE.metrics(VALUES, TRUTH)["auroc"]
    assert chosen.decision == "rare is predicted from a probability of 0.250"
    assert restore_task(json.loads(json.dumps(chosen.state()))) == chosen


def test_the_table_and_the_errors_follow_the_threshold():
    chosen = RARE.decided(VALUES, TRUTH, TRUTH)
    _, rows = chosen.table(Prediction(list("abcdefgh"), VALUES, np.zeros_like(VALUES)))
    assert [row[1] for row in rows] == ["rare"] * 3 + ["common"] * 5
    loss, texts = chosen.errors(VALUES, TRUTH.numpy())
    assert np.flatnonzero(np.isfinite(loss)).tolist() == [6]
    assert texts[0] == ("rare", "rare (0.40)")


def test_with_too_few_records_the_class_is_as_frequent_as_in_training():
    few, learned = torch.tensor([1, 0, 0, 0, 0, 0, 1, 0]), torch.tensor([1, 0, 0, 0])
    assert RARE.decided(VALUES, few, learned).threshold == pytest.approx(0.325)  # two of eight, between 0.35 and 0.3
    assert RARE.decided(VALUES, few, torch.tensor([1] + [0] * 99)).decide(VALUES).sum() == 1
    assert RARE.decided(np.full((8, 2), 0.5), TRUTH, TRUTH) is RARE
    assert RARE.decided(np.zeros((0, 2)), TRUTH[:0], TRUTH) is RARE
    assert Classification(("a", "b", "c")).decided(np.ones((8, 3)), TRUTH, TRUTH).threshold == 0.5


def test_a_temperature_by_hand():
    """Logits (2, 0) of four records, three of them of the first class: smoothed, (3 * 5 / 6 + 1 / 6) / 4 = 2 / 3, and
    sigmoid(2 / T) = 2 / 3 at 2 / T = ln 2; of three that are all right, 4 / 5 at ln 4."""
    logits = torch.tensor([2.0, 0.0]).expand(4, 2)
    truth, task = torch.tensor([0, 0, 0, 1]), Classification(("a", "b"))
    each = task.probabilities(logits).numpy()[None]
    chosen = task.calibrated(each, truth)
    assert chosen.temperature == pytest.approx(2 / np.log(2), rel=1e-4)
    assert chosen.probabilities(logits)[0].tolist() == pytest.approx([2 / 3, 1 / 3], abs=1e-4)
    assert task.calibrated(np.concatenate([each, each]), truth).temperature == pytest.approx(chosen.temperature)
    assert chosen.decision == "logits are divided by a temperature of 2.89"
    assert restore_task(json.loads(json.dumps(chosen.state()))) == chosen
    sure = task.calibrated(each[:, :3], truth[:3]).temperature
    assert sure == pytest.approx(2 / np.log(4), rel=1e-4)
    assert task.calibrated(each[:, :0], truth[:0]) == task
    with pytest.raises(RecipeError, match=r"training\.calibration.*expected none"):
        load_recipe("protein/gb1", ["training.calibration=validation"])


def test_each_record_is_decided_by_the_threshold_of_its_fold():
    values = np.array([[0.6, 0.4], [0.2, 0.8], [0.6, 0.4], [0.2, 0.8]])
    low, high = (Classification(("a", "b"), "y", "b", threshold=level) for level in (0.3, 0.9))
    pooled = Classification(("a", "b"), "y", "b", threshold=0.95).by_parts([low, high], [2, 2])
    assert pooled.decide(values).tolist() == [1, 1, 0, 0]
    assert pooled.metrics(values, torch.tensor([1, 1, 0, 1]))["accuracy"] == 0.75
    assert pooled.by_parts([low, low], [2, 2]).threshold == 0.3
    assert [row[1] for row in pooled.table(Prediction(list("1234"), values, values))[1]] == ["b", "b", "a", "a"]
    low, high = (Multilabel(("x", "z"), thresholds=levels) for levels in ((0.1, 0.5), ()))
    pooled = Multilabel(("x", "z")).by_parts([low, high], [2, 2])
    assert pooled.decide(values).tolist() == [[True, False], [True, True], [True, False], [False, True]]


def test_programs_weighted_by_entropy_by_hand():
    """p = (.9, .1) has the weight ln 2 - .3251 = .3681, and (.5, .5) none; without any, the mean."""
    task = Classification(("a", "b")).combining("entropy")
    each = torch.tensor([[[0.9, 0.1], [0.5, 0.5], [0.9, 0.1]], [[0.5, 0.5], [0.5, 0.5], [0.1, 0.9]]])
    assert torch.allclose(task.combined(each), torch.tensor([[0.9, 0.1], [0.5, 0.5], [0.5, 0.5]]), atol=1e-5)
    assert torch.allclose(replace(task, combine="mean").combined(each)[0], torch.tensor([0.7, 0.3]))
    with pytest.raises(RecipeError, match=r"combine: found 'entropy' for task classification and 1 programs"):
        load_recipe("protein/amp", ["combine=entropy", "ensemble=1"])
    assert load_recipe("protein/amp", ["combine=entropy"]).combine == "entropy"


def test_labels_have_thresholds_of_their_own():
    task = Multilabel(("common", "rare"), "common")
    values = np.stack([1 - SCORES, SCORES], axis=1)
    truth = torch.stack([1.0 - TRUTH, TRUTH.float()], dim=1)
    truth[7, 1] = float("nan")  # not known
    chosen = task.decided(values, truth, truth)
    alone = RARE.decided(VALUES[:7], TRUTH[:7], TRUTH[:7])
    assert chosen.thresholds[1] == pytest.approx(alone.threshold)
    assert chosen.decide(values)[:, 1].tolist() == [score >= alone.threshold for score in SCORES]
    assert task.decide(values)[:, 1].sum() == 0
    mcc = matthews_corrcoef(TRUTH[:7], SCORES[:7] >= alone.threshold)
    assert chosen.scored(values, truth.numpy())[1].predicted.tolist() == (SCORES[:7] >= alone.threshold).tolist()
    assert METRICS.get("mcc").function(chosen.scored(values, truth.numpy())[1]) == pytest.approx(mcc)
    _, rows = chosen.table(Prediction(list("abcdefgh"), values, np.zeros_like(values)))
    assert ["rare" in row[1] for row in rows] == chosen.decide(values)[:, 1].tolist()
    assert restore_task(json.loads(json.dumps(chosen.state()))) == chosen
    assert chosen.decision.startswith("labels are predicted from these probabilities: common 0.")
    assert task.decided(np.zeros((0, 2)), truth[:0], truth).thresholds == (0.5, 0.5)


def test_thresholds_of_labels_are_drafted_where_one_is_rare(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = [f"{''.join(rng.choice(list('ACDEFGHIKL'), size=12))},{i % 2},{int(i % 20 == 0)}\n" for i in range(400)]
    (tmp_path / "x.csv").write_text("sequence,kinase,membrane\n" + "".join(rows))
    assert execute(["new", "protein", "x.csv"]) == 0
    assert "membrane holds for 5.0% of the records, so the metric is auprc" in capsys.readouterr().out
    recipe = load_recipe("x.yaml")
    found = recipe.training.metric, recipe.training.threshold, recipe.data.split.validation
    assert found == ("auprc", "validation", 0.2)


def test_the_metric_of_a_recipe():
    with pytest.raises(RecipeError, match=r"training\.metric.*found 'aucpr'.*did you mean auprc"):
        load_recipe("protein/amp", ["training.metric=aucpr"])
    with pytest.raises(RecipeError, match=r"training\.threshold.*expected half"):
        load_recipe("protein/gb1", ["training.threshold=validation"])
    assert load_recipe("protein/amp", ["training.metric=auprc"]).training.metric == "auprc"


def test_residues_of_a_class_that_training_lacks_are_errors():
    task = SequenceLabeling.fit(Records.of(["ACDE"], {"label": ["HHCC"]}))
    records = Records.of(["ACD", "ACD"], {"label": ["HCB", "CHH"]})
    assert not task.check(records)
    target = task.encode(records)
    assert target.tolist() == [1, 0, 2, 0, 1, 1]
    perfect = np.eye(2)[[1, 0, 1, 0, 1, 1]]
    found = task.metrics(perfect, target)
    assert found["accuracy"] == pytest.approx(5 / 6)
    records.mask = ["110", "111"]
    assert task.metrics(perfect, task.encode(records))["accuracy"] == 1


def test_a_rare_class_is_drafted_with_weights_and_predicted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    rows = []
    for i in range(600):
        rare = i % 15 == 0
        letters = list("KRKACDEFGILMN" if rare else "KACDEFGHILMNPQSTVWYR")
        rows.append(f"{''.join(rng.choice(letters, size=12))}{i % 7 * 'A'},{'amp' if rare else 'other'}\n")
    (tmp_path / "x.csv").write_text("sequence,label\n" + "".join(rows))
    assert execute(["new", "protein", "x.csv"]) == 0
    said = capsys.readouterr().out
    assert "amp is rare, so classes are weighted and the metric is auprc; the threshold of predicting it" in said
    recipe = load_recipe("x.yaml")
    assert (recipe.training.class_weights, recipe.training.metric) == ("balanced", "auprc")
    assert (recipe.training.threshold, recipe.data.positive) == ("validation", "amp")
    fast = ["ensemble=1", "training.epochs=1", "training.min_steps=40", "baselines=[]", "source.layers=1"]
    fast.append("training.calibration=validation")
    assert execute(["run", "x.yaml", *fast, "-o", "out", "--quiet"]) == 0
    said = capsys.readouterr()
    assert "amp is predicted from a probability of" in said.err, said.err
    assert "test auprc" in said.err
    result = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert result["metric"] == "auprc"
    assert result["test"]["auprc"] > 0.2
    program = Program.load(tmp_path / "out")
    assert 0 < program.task.threshold < 1
    one = program.predict(["KRKACDEFG", "MNPQSTVWY"]).values
    assert f"a temperature of {program.task.temperature:.2f}" in said.err
    temperature = program.task.temperature
    assert temperature != 1
    program.task = replace(program.task, temperature=1.0)
    two = program.predict(["KRKACDEFG", "MNPQSTVWY"]).values
    odds_one, odds_two = (np.log(values[:, 1] / values[:, 0]) for values in (one, two))
    assert np.allclose(odds_one * temperature, odds_two, rtol=1e-3)
