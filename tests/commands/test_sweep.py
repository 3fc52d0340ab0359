import csv
import json

import pytest

from xmr.cli.app import execute
from xmr.commands.sweep.combinations import alternatives, combinations
from xmr.commands.sweep.sweep import folder_of, sweep
from xmr.errors import RecipeError

SMALL = [
    "data.split.by=random",
    "data.split.test=200",
    "data.split.n_labelled=100",
    "source={name: identity, width: 16}",
    "training.min_steps=1",
]


def fake(scores, calls):
    """Stands in for training, which has tests of its own: what is tested here is the choice and the resuming."""

    def train(recipe, folder, resume, comment):
        key = (recipe.training.learning_rate, recipe.seed)
        done = folder / "metrics.json"
        if done.is_file():
            return json.loads(done.read_text())
        calls.append(key)
        if scores.get(key, 0.5) == "stop":
            raise KeyboardInterrupt
        if scores.get(key, 0.5) == "full":
            raise MemoryError
        result = {"validation": scores.get(key, 0.5), "metric": "auroc", "test": {"auroc": 0.9 - key[0]}}
        result |= {"trainable_parameters": 5, "seconds": {"train": 1.0}}
        folder.mkdir(parents=True)
        done.write_text(json.dumps(result))
        return result

    return train


def test_alternatives_and_combinations():
    assert alternatives("a.b=1,2,1") == ["a.b=1", "a.b=2"]
    assert alternatives("source={name: minilm, layers: 2},identity") == [
        "source={name: minilm, layers: 2}",
        "source=identity",
    ]
    assert alternatives("x=[a, b]") == ["x=[a, b]"]
    with pytest.raises(RecipeError, match=r"found no =; expected section\.key=value"):
        alternatives("training.epochs")
    assert combinations(["a=1,2", "b=x", "c=3,4"]) == [
        ("a=1", "b=x", "c=3"), ("a=1", "b=x", "c=4"), ("a=2", "b=x", "c=3"), ("a=2", "b=x", "c=4"),
    ]  # fmt: skip
    some = combinations(["a=1,2,3,4", "b=1,2,3,4"], max_trials=5)
    assert len(set(some)) == 5
    assert some == combinations(["a=1,2,3,4", "b=1,2,3,4"], max_trials=5)
    assert len({folder_of(each) for each in combinations(["a=1,2", "b=/,//"])}) == 4


def _values(found, place=0):
    return [float(each[place].partition("=")[2]) for each in found]


def test_ranges_are_drawn_from():
    some = combinations(["a=1e-4..1e-2", "b=x,y", "c=0..1.0"], max_trials=200)
    assert len(set(some)) == 200
    assert some[:50] == combinations(["a=1e-4..1e-2", "b=x,y", "c=0..1.0"], max_trials=50), (
        "more draws begin with the same"
    )
    rates = _values(some)
    assert 1e-4 <= min(rates) <= max(rates) <= 1e-2
    assert 70 < sum(rate < 1e-3 for rate in rates) < 130, "by the logarithm: half below the middle of the decades"
    assert {each[1] for each in some} == {"b=x", "b=y"}
    assert 70 < sum(value < 0.5 for value in _values(some, 2)) < 130
    whole = _values(combinations(["n=2..4"], max_trials=10))
    assert sorted(whole) == [2, 3, 4], "no more than there are"
    assert set(_values(combinations(["n=1..100"], max_trials=40))) <= set(range(1, 101))
    with pytest.raises(RecipeError, match=r"a=1\.\.2: found a range; expected with it --max-trials"):
        combinations(["a=1..2"])
    with pytest.raises(RecipeError, match="ends before it begins"):
        combinations(["a=2..1"], max_trials=3)


def test_the_best_by_validation_is_chosen_and_what_ran_is_not_run_again(tmp_path):
    calls = []
    scores = {(0.1, 0): 0.6, (0.2, 0): 0.8, (0.1, 1): 0.6, (0.2, 1): 0.6, (0.3, 0): "stop"}
    train = fake(scores, calls)
    rates = "training.learning_rate=0.1,0.2"
    trials = sweep("protein/amp", [rates], tmp_path, seeds=2, train=train)
    assert trials[0].overrides == ("training.learning_rate=0.2",)
    assert trials[0].score == pytest.approx(0.7)
    chosen = json.loads((tmp_path / "sweep.json").read_text())
    assert chosen["chosen"] == ["training.learning_rate=0.2"]
    assert chosen["test"]["values"] == pytest.approx([0.7, 0.7])
    assert len(calls) == 4
    with pytest.raises(KeyboardInterrupt):
        sweep("protein/amp", [f"{rates},0.3"], tmp_path, seeds=2, train=train)
    del scores[(0.3, 0)]
    again = sweep("protein/amp", [f"{rates},0.3"], tmp_path, seeds=2, train=train)
    assert len(again) == 3
    assert calls[4:] == [(0.3, 0), (0.3, 0), (0.3, 1)]


def test_a_combination_that_fails_does_not_lose_the_others(tmp_path):
    said = []
    train = fake({(0.1, 0): "full", (0.2, 0): 0.8}, [])
    trials = sweep("protein/amp", ["training.learning_rate=0.1,0.2"], tmp_path, train=train, log=said.append)
    assert [trial.overrides for trial in trials] == [("training.learning_rate=0.2",)]
    assert said[0] == "1 of 2: training.learning_rate=0.1 failed: MemoryError"
    kept = json.loads((tmp_path / "sweep.json").read_text())
    assert kept["failures"] == [["training.learning_rate=0.1", "MemoryError"]]
    with pytest.raises(RecipeError, match=r"every combination failed, the first \(training.*\): MemoryError"):
        sweep("protein/amp", ["training.learning_rate=0.1"], tmp_path / "none", train=train)


def test_every_recipe_is_checked_before_the_first_runs(tmp_path):
    calls = []
    with pytest.raises(RecipeError, match=r"training\.epochs"):
        sweep("protein/amp", ["training.epochs=2,many"], tmp_path, train=fake({}, calls))
    with pytest.raises(RecipeError, match="a validation part, by which a sweep chooses"):
        sweep("protein/amp_200", ["training.epochs=1,2"], tmp_path, train=fake({}, calls))
    with pytest.raises(RecipeError, match="a validation part, by which a sweep chooses"):
        sweep("protein/amp_random", ["data.split.validation=0.1,0"], tmp_path, train=fake({}, calls))
    assert not calls


def test_the_command(tmp_path, capsys):
    out = tmp_path / "s"
    asked = ["sweep", "protein/amp", *SMALL, "training.epochs=1,3", "training.learning_rate=0.01", "-o", str(out)]
    assert execute(asked) == 0
    said = capsys.readouterr().out
    assert "training.epochs" in said
    assert "chosen: " in said
    with (out / "sweep.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert {row["training.epochs"] for row in rows} == {"1", "3"}
    assert float(rows[0]["validation"]) >= float(rows[1]["validation"])
    assert (out / "sweep.svg").read_text().startswith("<svg")
    assert execute(["sweep", "protein/amp", "training.epochs", "-o", str(out)]) == 2


def test_without_validation_by_left_out_records_and_only_the_chosen_one_is_trained(tmp_path, capsys):
    out = tmp_path / "s"
    few = [*SMALL, "data.split.n_labelled=40", "data.split.validation=0", "training.epochs=1", "ensemble=1,2"]
    asked = ["sweep", "protein/amp", *few, "--leave-one-out", "-o", str(out)]
    assert execute(asked) == 0
    said = capsys.readouterr().out
    assert "leave-one-out" in said
    trained = [path.parent for path in out.rglob("metrics.json")]
    assert len(trained) == 1
    scores = {path.parent.parent: json.loads(path.read_text())["left_out"] for path in out.rglob("left_out.json")}
    assert len(scores) == 2
    assert max(scores, key=scores.get) == trained[0].parent
    chosen = json.loads((out / "sweep.json").read_text())
    assert chosen["left_out"] == max(scores.values())
    assert 0 <= chosen["test"]["mean"] <= 1
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.json") if path.name != "sweep.json"}
    assert execute(asked) == 0  # again: nothing is scored or trained a second time
    assert kept == {path: path.stat().st_mtime_ns for path in kept}
    capsys.readouterr()
    assert execute([*asked, "output=linear"]) == 2
    assert "found 'linear'; expected ridge or kernel_ridge, which --leave-one-out chooses by" in " ".join(
        capsys.readouterr().err.split()
    )
