"""What a run says about its headline: a better baseline, chance in the interval, classes of few test records."""

import json

import numpy as np
import pytest

from tests.test_job import RECIPE, write
from xmr.cli.app import execute
from xmr.commands.run import run
from xmr.commands.verdict import common, counted, verdict, verdict_of_means
from xmr.recipe.load import load_recipe


def result(**changed):
    whole = {
        "metric": "auroc",
        "test": {"auroc": 0.8, "accuracy": 0.7},
        "test_interval": {"auroc": [0.7, 0.9]},
        "baselines": {},
        "chance": {"auroc": 0.5},
        "test_counts": {"a": 20, "b": 20},
    }
    return {**whole, **changed}


def test_nothing_is_said_where_nothing_speaks_against_the_program():
    assert verdict(result(baselines={"kmer_logistic": {"auroc": 0.79}, "attention_layer": {"auroc": 0.99}})) == []


def test_the_best_of_the_better_baselines_is_named():
    better = {"kmer_forest": {"auroc": 0.9}, "linear_probe": {"auroc": 0.85}, "broken": {"auroc": None}}
    (said,) = verdict(result(baselines=better))
    assert said.startswith("kmer_forest beats the program (auroc 0.900 against 0.800); so does the source's own linear")
    (said,) = verdict(result(baselines={"linear_probe": {"auroc": 0.85}}))
    assert said.startswith("the linear probe of the same source beats the program (auroc 0.850 against 0.800):")


def test_a_baseline_at_chance_beats_nothing():
    guess = result(test={"auroc": 0.4}, test_interval={}, baselines={"kmer_forest": {"auroc": 0.48}})
    assert verdict(guess) == []


def test_lower_is_better_for_errors():
    numbers = {"metric": "mse", "test": {"mse": 0.4}, "test_interval": {}, "chance": {}, "test_counts": {}}
    (said,) = verdict(result(**numbers, baselines={"linear": {"mse": 0.3}, "last_value": {"mse": 0.5}}))
    assert said.startswith("linear beats the program (mse 0.300 against 0.400)")


@pytest.mark.parametrize(
    ("interval", "expected"), [([0.45, 0.6], "includes chance"), ([0.3, 0.45], "worse than guessing")]
)
def test_an_interval_at_chance(interval, expected):
    (said,) = verdict(result(test_interval={"auroc": interval}))
    assert expected in said


def test_classes_of_few_test_records_are_named():
    (said,) = verdict(result(test_counts={"yes": 2, "no": 98}))
    assert said == "too few test records to measure every class: 2 of yes"
    assert counted({"yes": 2, "no": 98}) == "test records: 2 of yes, 98 of no"
    assert counted({str(i): i for i in range(1, 31)}) == "30 classes of 1 to 30 test records"


def test_a_run_on_noise_says_so_last(tmp_path, capsys):
    write(tmp_path)  # labels that have nothing to do with the sequences
    assert execute(["run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"), "--quiet"]) == 0
    said = capsys.readouterr().err.splitlines()
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["test_counts"] == {"a": 6, "b": 4}
    assert "test records: 6 of a, 4 of b" in said
    assert metrics["chance"]["auroc"] == 0.5
    assert metrics["chance"]["accuracy"] == 0.6
    assert any("includes chance (0.500)" in text for text in metrics["verdict"])
    assert said[-len(metrics["verdict"]) :] == [f"beware: {text}" for text in metrics["verdict"]]


def test_a_stop_between_two_baselines_keeps_the_first_and_the_metrics(tmp_path, monkeypatch):
    recipe = write(tmp_path)
    from xmr.commands import run_baselines

    real, asked, said = run_baselines.run_baseline, [], []

    def stop_at_the_second(name, data):
        asked.append(name)
        if name == "kmer_logistic":
            raise KeyboardInterrupt
        return real(name, data)

    monkeypatch.setattr(run_baselines, "run_baseline", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "out", device="cpu", log=said.append)
    kept = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(kept["baselines"]) == {"majority"}
    assert kept["finished"] is False
    assert "--resume runs what is missing" in said[-1]
    asked.clear()
    monkeypatch.setattr(run_baselines, "run_baseline", lambda name, data: asked.append(name) or real(name, data))
    again = run(recipe, tmp_path / "out", device="cpu", resume=True)
    assert set(again["baselines"]) == {"majority", "kmer_logistic"}
    assert asked == ["kmer_logistic"]
    assert np.isclose(again["test"]["auroc"], kept["test"]["auroc"])


def test_the_skew_of_a_cluster_split_is_in_the_log_and_the_metrics(tmp_path):
    """One family of sequences per class, so that whole classes fall on one side."""
    rng = np.random.default_rng(0)
    lines = ["sequence,label"]
    for label, letters in enumerate(("ACDE", "FGHI", "KLMN", "PQRS")):
        base = "".join(rng.choice(list(letters), 30))
        lines += [f"{base}{''.join(rng.choice(list(letters), 4))},{'ab'[label % 2]}" for _ in range(10)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    recipe = RECIPE.format(path=tmp_path / "x.csv").replace("predefined", "cluster, test: 0.25, tool: kmers")
    (tmp_path / "r.yaml").write_text(recipe)
    said = []
    result = run(load_recipe(tmp_path / "r.yaml", ["baselines=[]"]), tmp_path / "out", device="cpu", log=said.append)
    assert "makes up" in result["split"]
    assert result["split"] in said[0]


@pytest.mark.parametrize(
    ("name", "value", "interval", "expected"),
    [
        ("random source", 0.81, [0.7, 0.9], "the control with random source does as well as the program (auroc 0.810"),
        ("no source", 0.75, [0.6, 0.8], "the control with no source lies within the interval of the program"),
        ("no source", 0.6, [0.5, 0.7], None),
        ("shuffled labels", 0.7, [0.6, 0.8], "trained on shuffled labels, the program is far from chance (auroc 0.700"),
        ("shuffled labels", 0.3, [0.2, 0.4], "far from chance"),
        ("shuffled labels", 0.6, [0.55, 0.65], None),  # less than half of what the program gains
        ("shuffled labels", 0.7, [0.45, 0.9], None),  # chance is within its interval
    ],
)
def test_controls_that_do_as_well_are_alarms(name, value, interval, expected):
    said = verdict(result(controls={name: {"auroc": value, "interval": {"auroc": interval}}}))
    assert len(said) == (expected is not None)
    assert expected is None or expected in said[0]


def test_controls_of_a_run_are_kept_resumed_and_reported(tmp_path, monkeypatch, capsys):
    """A random source cannot help on noise; a stop within the second control loses nothing."""
    from xmr.commands import controls as module

    write(tmp_path)
    text = (tmp_path / "r.yaml").read_text().replace("{name: identity, width: 16}", "{name: minilm, layers: 1}")
    (tmp_path / "r.yaml").write_text(text.replace("majority, kmer_logistic", "majority"))
    real, asked = module._trained, []

    def stop_at_the_second(job, recipe, folder):
        asked.append(recipe.source["name"] + recipe.source.get("weights", ""))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(job, recipe, folder)

    monkeypatch.setattr(module, "_trained", stop_at_the_second)
    asking = ["run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"), "--quiet", "--controls"]
    assert execute(asking) == 130
    kept = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(kept["controls"]) == ["random source"]
    capsys.readouterr()
    assert execute([*asking, "--resume"]) == 0
    assert asked == ["minilmrandom", "identity", "identity", "minilmpretrained"]
    done = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert list(done["controls"]) == ["random source", "no source", "shuffled labels"]
    assert done["controls"]["random source"] == kept["controls"]["random source"]
    assert done["failed_controls"] == {}
    said = capsys.readouterr().err
    assert "  control: random source" in said
    assert not (tmp_path / "out" / "checkpoint").exists()
    assert "control: shuffled labels" in (tmp_path / "out" / "report.html").read_text()


def test_a_finished_run_gets_its_controls_by_resume(tmp_path):
    write(tmp_path)
    recipe = load_recipe(tmp_path / "r.yaml", ["baselines=[]"])
    before = run(recipe, tmp_path / "out", device="cpu")
    after = run(recipe, tmp_path / "out", device="cpu", resume=True, controls=True)
    assert list(after["controls"]) == ["shuffled labels"]  # a source without a network has no other
    assert after["test"]["auroc"] == pytest.approx(before["test"]["auroc"])
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["finished"] is True


def test_a_stop_while_a_finished_run_gets_its_controls_trains_nothing_again(tmp_path, monkeypatch):
    """The run stays finished, and the control that was there is kept."""
    from xmr.commands import controls
    from xmr.commands import run as module

    write(tmp_path)
    recipe = load_recipe(tmp_path / "r.yaml", ["baselines=[]", "source={name: minilm, layers: 1}"])
    before = run(recipe, tmp_path / "out", device="cpu")
    real, asked = controls._trained, []

    def stop_at_the_second(job, recipe, folder):
        asked.append(recipe.source["name"] + recipe.source.get("weights", ""))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return real(job, recipe, folder)

    monkeypatch.setattr(controls, "_trained", stop_at_the_second)
    monkeypatch.setattr(module, "train", None)  # of the run itself
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "out", device="cpu", resume=True, controls=True)
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["test"] == before["test"]
    after = run(recipe, tmp_path / "out", device="cpu", resume=True, controls=True)
    assert asked == ["minilmrandom", "identity", "identity", "minilmpretrained"]
    assert list(after["controls"]) == ["random source", "no source", "shuffled labels"]
    assert after["test"] == before["test"]
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_several_runs_end_with_one_verdict_of_their_means(tmp_path, capsys):
    """Noise, over two seeds: the verdict comes once, behind the summary."""
    write(tmp_path)
    asked = ["run", str(tmp_path / "r.yaml"), "-o", str(tmp_path / "out"), "--quiet", "--seeds", "2", "--controls"]
    assert execute(asked) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert "control: shuffled labels" in summary["rows"]
    said = capsys.readouterr().err.splitlines()
    lines = [text for text in said if text.startswith("beware: ")]
    assert lines == [f"beware: {text}" for text in summary["verdict"]]
    assert said[len(said) - len(lines) :] == lines
    mean = summary["rows"]["program"]["auroc"]["mean"]
    other = summary["rows"]["kmer_logistic"]["auroc"]["mean"]
    assert any("kmer_logistic beats the program" in text for text in lines) == (other > max(mean, 0.5))


def test_alarms_of_several_runs_are_said_once_and_chance_is_their_mean():
    runs = [result(leaks={"alarms": ["the same"]}, chance={"auroc": value}) for value in (0.4, 0.5, 0.6)]
    assert common(runs) == {"chance": {"auroc": pytest.approx(0.5)}, "leaks": {"alarms": ["the same"]}}
    rows = {"program": {"auroc": {"mean": 0.6}}, "majority": {"auroc": {"mean": 0.5}}}
    assert verdict_of_means(runs, {"rows": rows}) == ["the same"]
