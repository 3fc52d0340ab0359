"""`xmr auto`: folds, the choice, what is saved whatever won, and that nothing is tried twice."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest

from xmr.baselines.base import Baseline
from xmr.baselines.registry import run_baseline
from xmr.cli.app import execute
from xmr.commands.auto import auto as module
from xmr.commands.auto import search
from xmr.commands.auto.auto import auto
from xmr.commands.auto.candidates import Candidate, candidates
from xmr.commands.auto.folds import folds_of
from xmr.commands.auto.held_out import TooLongError, held_out_predictions
from xmr.commands.auto.result import Result, Tried
from xmr.commands.auto.saved import load_saved, save
from xmr.commands.predict_saved import predict_any
from xmr.commands.run_baselines import baseline_input
from xmr.data.records import Records
from xmr.data.settings import SplitSettings
from xmr.errors import ProgramError, RecipeError
from xmr.job import load_job
from xmr.recipe.load import load_recipe

RECIPE = """
task: classification
data: {path: data.csv, target: label, split: {by: random, test: 0.3, validation: 0}}
encoder: table
source: {name: identity, width: 16}
transform: {name: feature_tokens}
output: {name: ridge}
training: {epochs: 1}
"""


def write_table(path, n, seed, labelled=True):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 3))
    high = values[:, 0] + 0.3 * rng.standard_normal(n) > 0
    with path.open("w", newline="") as handle:
        rows = csv.writer(handle)
        rows.writerow(["a", "b", "c", *(["label"] if labelled else [])])
        for row, label in zip(values, high):
            rows.writerow([*np.round(row, 4), *([["low", "high"][int(label)]] if labelled else [])])
    return values


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("auto")
    write_table(folder / "data.csv", 70, 0)
    (folder / "r.yaml").write_text(RECIPE.replace("data.csv", str(folder / "data.csv")))
    result = auto(str(folder / "r.yaml"), [], folder / "out", minutes=2, log=lambda text: None)
    return folder, result


def test_the_best_of_what_was_tried_is_tested_and_saved(done):
    folder, result = done
    scores = {tried.name: tried.score for tried in result.tried if tried.score is not None}
    assert result.chosen in scores
    assert scores[result.chosen] == max(scores.values())
    assert scores["own source, ridge"] > 0.7 > scores.get("baseline majority", 0.0)
    assert {"chosen", "best program", "best baseline"} <= set(result.test)
    middle, low, high = result.difference
    assert low <= middle <= high
    assert middle == pytest.approx(result.test["chosen"] - result.test["best baseline"])
    kept = json.loads((folder / "out" / "auto.json").read_text())
    assert kept["chosen"] == result.chosen
    assert result.chosen in (folder / "out" / "auto.md").read_text()


def test_whatever_won_predicts_new_records(done):
    folder, _ = done
    values = write_table(folder / "new.csv", 60, 1, labelled=False)
    finished = predict_any(folder / "out", [str(folder / "new.csv")], str(folder / "new.predictions.csv"))
    assert finished.written == 60
    rows = list(csv.DictReader((folder / "new.predictions.csv").open()))
    predicted = np.array([row["predicted"] == "high" for row in rows])
    assert np.mean(predicted == (values[:, 0] > 0)) > 0.65


def test_a_data_file_is_drafted_first(tmp_path, capfd):
    write_table(tmp_path / "mine.csv", 80, 0)
    out = tmp_path / "out"
    command = ["auto", str(tmp_path / "mine.csv"), "-o", str(out), "--minutes", "0.1"]
    assert execute(command) == 2
    assert "found a data file; expected --domain protein|dna|" in capfd.readouterr().err
    assert not out.exists()
    small = ["source={name: identity, width: 16}", "ensemble=1"]
    assert execute([*command[:2], *small, *command[2:], "--domain", "table", "--target", "label"]) == 0
    assert "task: classification" in (out / "drafted.yaml").read_text()
    assert load_saved(out) is not None


def test_nothing_is_tried_twice(done, monkeypatch):
    folder, result = done

    def again(candidate, *_):
        raise AssertionError(f"{candidate.name} was tried again")

    monkeypatch.setattr(search, "held_out_predictions", again)
    monkeypatch.setattr(module.Final, "fit", lambda self: None)
    monkeypatch.setattr(module.Result, "paragraph", lambda self: "")
    first = {tried.name: tried.score for tried in result.tried if tried.score is not None}
    found = auto(str(folder / "r.yaml"), [], folder / "out", minutes=1e-6, log=lambda text: None)
    assert {tried.name: tried.score for tried in found.tried if tried.score is not None} == first


def test_a_saved_baseline_predicts_what_it_did(done, tmp_path):
    folder, _ = done
    recipe = load_recipe(str(folder / "r.yaml"))
    job = load_job(recipe)
    expected = run_baseline("random_forest", baseline_input(job))
    out = tmp_path / "saved"
    out.mkdir()
    (out / "recipe.yaml").write_text((folder / "out" / "recipe.yaml").read_text())
    saved = save(out, ("random_forest",), job.records["train"], np.zeros(0, int))
    found = saved.predict(job.records["test"]).values
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert load_saved(out).members == ("random_forest",)
    text = (out / "training.json").read_text()
    (out / "training.json").write_text(text.replace("low", "lo", 1))
    with pytest.raises(ProgramError, match=r"training\.json.*changed"):
        saved.predict(job.records["test"])
    (out / "predictor.json").write_text('{"members": ["../x"]}')
    with pytest.raises(ProgramError, match=r"predictor\.json"):
        load_saved(out)


FORECAST = """
task: forecasting
data: {path: data.csv, time: date, split: {by: time, validation: 40, test: 40}}
encoder: {name: forecast, context_length: 24, horizon: 6, season: 12}
source: {name: identity, width: 16}
transform: {name: signal_patches, patch: 8, stride: 8, instance_norm: true, rescale: false}
output: {name: forecast, width: 8}
training: {epochs: 2, learning_rate: 0.01}
"""


def write_waves(path, steps, first=0):
    """Two waves of a season of 12 hours, by the hour."""
    clock, rng = np.arange(first, first + steps), np.random.default_rng(first)
    values = np.stack([np.sin(clock * np.pi / 6), np.cos(clock * np.pi / 6)], axis=1)
    values = np.round(values + 0.1 * rng.standard_normal(values.shape), 4)
    hours = np.datetime64("2024-01-01T00", "h") + clock
    lines = ["date,a,b", *(f"{hour},{a},{b}" for hour, (a, b) in zip(hours, values))]
    path.write_text("\n".join(lines) + "\n")


def test_forecasts_are_chosen_on_the_rows_before_the_test_part(tmp_path):
    write_waves(tmp_path / "data.csv", 300)
    (tmp_path / "r.yaml").write_text(FORECAST.replace("data.csv", str(tmp_path / "data.csv")))
    out = tmp_path / "out"
    result = auto(str(tmp_path / "r.yaml"), [], out, minutes=2, log=lambda text: None, also=["last_value"])
    job = load_job(load_recipe(str(tmp_path / "r.yaml")))
    held_out = job.task.encode(job.records["validation"])
    scores = {tried.name: tried.score for tried in result.tried}
    for name in ("last_value", "seasonal_naive"):  # these learn nothing, so that the held-out score can be checked
        data = baseline_input(job)
        values = run_baseline(name, replace(data, sets={**data.sets, "test": data.sets["validation"]}))
        assert scores[f"baseline {name}"] == pytest.approx(-job.task.metrics(values, held_out)["mse"])
    assert result.chosen != "baseline last_value"
    assert result.test["chosen"] < result.baselines["last_value"]["mse"]
    assert "standard_error" not in result.baselines["last_value"]
    assert "test records overlap" in result.paragraph()
    assert json.loads((out / "auto.json").read_text())["difference"][1] is None


def test_baselines_win_where_there_was_no_time_for_a_program(tmp_path, monkeypatch):
    def too_long(candidate, recipe, pool, left):
        if not candidate.baseline:
            raise TooLongError(999.0)
        return tried(candidate, recipe, pool, left)

    tried = search.held_out_predictions
    monkeypatch.setattr(search, "held_out_predictions", too_long)
    write_waves(tmp_path / "data.csv", 300)
    (tmp_path / "r.yaml").write_text(FORECAST.replace("data.csv", str(tmp_path / "data.csv")))
    out = tmp_path / "out"
    result = auto(str(tmp_path / "r.yaml"), [], out, minutes=2, log=lambda text: None)
    assert {tried.note for tried in result.tried if tried.kind == "program"} == {
        "about 999 s, more than the time that was left"
    }
    assert "program" not in result.members
    write_waves(tmp_path / "more.csv", 40, first=300)
    assert predict_any(out, [str(tmp_path / "more.csv")], str(tmp_path / "next.csv")).written == 2


def test_a_saved_forecast_continues_a_table(tmp_path):
    write_waves(tmp_path / "data.csv", 300)
    (tmp_path / "r.yaml").write_text(FORECAST.replace("data.csv", str(tmp_path / "data.csv")))
    out = tmp_path / "out"
    auto(str(tmp_path / "r.yaml"), [], out, minutes=2, log=lambda text: None)
    job = load_job(load_recipe(str(tmp_path / "r.yaml")))
    learned = job.prepared.records.take(np.concatenate([job.prepared.split.train, job.prepared.split.validation]))
    validation = np.arange(len(job.prepared.split.train), len(learned))
    save(out, ("linear", "seasonal_naive"), learned, validation)
    write_waves(tmp_path / "more.csv", 40, first=300)
    predict_any(out, [str(tmp_path / "more.csv")], str(tmp_path / "next.csv"))
    with (tmp_path / "next.csv").open() as file:
        rows = {row["id"].split()[-1]: row for row in csv.DictReader(file)}
    expected = np.sin(np.arange(340, 346) * np.pi / 6)
    np.testing.assert_allclose([float(rows["a"][f"t+{step}"]) for step in range(1, 7)], expected, atol=0.35)
    values = run_baseline("linear", baseline_input(job))
    np.testing.assert_allclose(load_saved(out)._values("linear", job.records["test"]), values, atol=1e-6)


LABELING = """
task: sequence_labeling
data: {path: data.csv, target: label, split: {by: random, test: 0.3, validation: 0}}
encoder: {name: protein, max_length: 32}
source: {name: identity, width: 16}
transform: {name: context_window, width: 3, channels: 8}
output: {name: per_position}
training: {epochs: 2}
"""


def test_labels_of_every_position(tmp_path):
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKL"), rng.integers(5, 30))) for _ in range(60)]
    lines = [f"{text},{''.join('he'[letter in 'ACDEF'] for letter in text)}" for text in texts]
    (tmp_path / "data.csv").write_text("\n".join(["sequence,label", *lines]) + "\n")
    (tmp_path / "r.yaml").write_text(LABELING.replace("data.csv", str(tmp_path / "data.csv")))
    out = tmp_path / "out"
    result = auto(str(tmp_path / "r.yaml"), [], out, minutes=3, log=lambda text: None)
    scores = {tried.name: tried.score for tried in result.tried}
    assert scores["baseline window_linear"] > 0.99  # a position's own letter tells its label
    assert result.test["chosen"] > 0.95
    job = load_job(load_recipe(str(tmp_path / "r.yaml")))
    save(out, ("window_linear",), job.records["train"], np.zeros(0, int))
    (tmp_path / "new.csv").write_text("sequence\nACDGHI\nLLLLLLLA\n")
    predict_any(out, [str(tmp_path / "new.csv")], str(tmp_path / "labels.csv"))
    with (tmp_path / "labels.csv").open() as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == ["eeehhh", "hhhhhhhe"]


def test_many_rows_are_held_out_once(tmp_path, monkeypatch):
    monkeypatch.setattr(search, "ENOUGH", 10)
    write_table(tmp_path / "data.csv", 70, 0)
    (tmp_path / "r.yaml").write_text(RECIPE.replace("data.csv", str(tmp_path / "data.csv")))
    pool = search.pool_of(load_job(load_recipe(str(tmp_path / "r.yaml"))))
    assert [len(folds) for folds in pool.folds] == [1]
    assert len(pool.held_out) == len(pool.folds[0][0]) == 10


def test_a_baseline_that_would_take_hours_is_not_begun(tmp_path, monkeypatch):
    """It cannot be stopped: nearest neighbors of audio clips once took more than the minutes given."""
    write_table(tmp_path / "data.csv", 70, 0)
    (tmp_path / "r.yaml").write_text(RECIPE.replace("data.csv", str(tmp_path / "data.csv")))
    recipe = load_recipe(str(tmp_path / "r.yaml"))
    pool, candidate = search.pool_of(load_job(recipe)), Candidate("baseline majority", baseline="majority")
    monkeypatch.setattr(Baseline, "estimate", lambda self, data: 3.0)
    with pytest.raises(TooLongError, match="about 15 s"):  # five folds
        held_out_predictions(candidate, recipe, pool, lambda: 14.0)
    assert held_out_predictions(candidate, recipe, pool, lambda: 16.0).shape[0] == 1


def test_infilling_is_not_for_it(tmp_path):
    with pytest.raises(RecipeError, match="found infilling; expected predictions of records, positions or future"):
        auto("protein/antibody_loops", [], tmp_path / "out", log=lambda text: None)
    assert not (tmp_path / "out").exists()


def test_folds_keep_similar_sequences_together():
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), 30)) for _ in range(20)]
    texts += [text[:-1] + "A" for text in texts]  # a near copy of each
    strata = np.arange(40) % 2
    repeats = folds_of(SplitSettings(by="cluster", similarity=0.4), Records.of(texts), texts, strata, 0)
    assert len(repeats) == 2
    for folds in repeats:
        assert sorted(np.concatenate(folds)) == list(range(40))
        for held_out in folds:
            assert {row % 20 for row in held_out if row < 20} == {row % 20 for row in held_out if row >= 20}


def test_the_paragraph_says_what_the_interval_says():
    tried = [Tried("kernel head", 0.9, 1.0, "program"), Tried("baseline forest", 0.8, 1.0, "baseline")]
    tried.append(Tried("x", None, 0.0, "program", "y"))
    test = {"chosen": 0.91, "best baseline": 0.85, "random weights": 0.9}
    result = Result("auroc", 100, 50, tried, "kernel head", ("program",), test, (0.06, 0.01, 0.11))
    assert "better than the best baseline, baseline forest (0.850)" in result.paragraph()
    assert "random weights 0.900" in result.paragraph()
    assert "did not run: 1" in result.paragraph()
    result.difference = (0.06, -0.01, 0.11)
    assert "not distinguishable from" in result.paragraph()
    assert "more test records" in result.paragraph()


@pytest.mark.parametrize(("layers", "balanced"), [("1", False), ("3", True), ("[1,-2]", True)])
def test_heads_with_balanced_depths_are_tried_where_there_are_depths(layers, balanced):
    given = [f"source.feature_layers={layers}"]
    tried = candidates(load_recipe("audio/spoken_digits", given), "audio/spoken_digits", given)
    assert ("own source, ridge, balanced depths" in {each.name for each in tried}) is balanced


def test_of_programs_that_share_passes_the_mean_takes_one(done):
    folder, _ = done
    recipe = load_recipe(str(folder / "r.yaml"), ["data.split.validation=0"])
    pool = search.pool_of(load_job(recipe))
    names = ["one", "its twin", "another", "baseline"]
    made = [Candidate(name, baseline="majority" if name == "baseline" else "") for name in names]
    other = recipe.model_copy(update={"ensemble": 2})
    twin = recipe.model_copy(update={"output": {**recipe.output, "power": 0.5}})
    recipes = dict(zip(made, [recipe, twin, other, recipe]))
    truth = np.eye(2)[pool.task.encode(pool.records).numpy()]
    right = {each: 0.5 + (truth - 0.5) * (0.9 - 0.1 * number) for number, each in enumerate(made)}
    result = Result("auroc", 49, 21)
    chosen = search.choose({each: values[None] for each, values in right.items()}, recipes, pool, result)
    assert result.chosen == "mean of one, another, baseline"
    assert [each.name for each in chosen] == ["one", "another", "baseline"]


def test_the_time_of_a_training_is_told_by_the_median_of_its_steps(monkeypatch):
    """A slow start and one slow step among others of a second: 2 folds of 133 s fit into 270 s, not into 230."""
    from xmr.commands.auto import held_out

    now = 0.0
    monkeypatch.setattr(held_out.time, "perf_counter", lambda: now)

    def last_step(limit):
        nonlocal now
        now = 0.0
        clock = held_out._Clock(2, lambda: limit - now, started=0.0)
        now = 10.0  # the data is encoded
        for step in range(1, 101):
            now += {1: 5.0, 3: 20.0}.get(step, 1.0)
            try:
                clock({"kind": "step", "step": step, "steps": 100})
            except held_out.TooLongError as error:
                return step, error.seconds
        return step, now

    assert last_step(270) == (100, 133.0)
    assert last_step(230) == (4, 2 * (37 + 96))
