import csv
import json
import pickle
from dataclasses import dataclass

import pytest
from scipy.stats import ttest_rel

from xmr.cli.app import execute
from xmr.commands.compare.compare import Settings, compare, compared_baselines, planned
from xmr.commands.compare.pages import write_comparison
from xmr.commands.compare.result import Cell, Comparison
from xmr.commands.controls import controls
from xmr.commands.workers.base import Engine
from xmr.errors import DataError, Problem, RecipeError, SourceUnavailableError
from xmr.recipe.load import load_recipe, recipe_names
from xmr.training.interrupt import TrainingInterruptedError


@dataclass
class Fake:
    """Stands in for training: what is tested here is which rows run, on what, and what is said of them."""

    calls: list[tuple[object, ...]]
    fail: tuple[str, ...] = ()

    def __call__(self, recipe, folder, resume, comment):
        done = folder / "metrics.json"
        if done.is_file():
            return json.loads(done.read_text())
        key = (
            recipe.source["name"],
            recipe.source.get("weights"),
            recipe.data.split.n_labelled,
            recipe.data.shuffle_labels,
        )
        key = (*key, recipe.encoder["shuffle"], recipe.training.epochs)
        self.calls.append((*key, recipe.seed))
        if recipe.source["name"] in self.fail:
            raise DataError("no such thing; expected another")
        if recipe.source.get("weights") in self.fail:
            raise MemoryError
        value = 0.5 if recipe.data.shuffle_labels else 0.9 - 0.1 * (recipe.source["name"] == "identity")
        value += 0.01 * recipe.seed**2 + (recipe.data.split.n_labelled is None) * 0.05
        found = {"metric": "auroc", "test": {"auroc": value}, "n_test": 10, "trainable_parameters": 7}
        found |= {"program_bytes": 2048, "seconds": {"train": 1.0, "test": 0.5}, "baselines": {}}
        found |= {"peak_memory_mib": 300.0, "failed_baselines": {}}
        if recipe.baselines:
            found["baselines"] = {
                "kmer_forest": {"auroc": 0.8 + 0.012 * recipe.seed, "seconds": 0.1, "peak_memory_mib": 1.0}
            }
            found["failed_baselines"] = {"lora": "no peft"} if "lora" in self.fail else {}
        folder.mkdir(parents=True)
        done.write_text(json.dumps(found))
        return found


def few(sizes, seeds, calls, fail=(), **more):
    """Settings of a comparison in which `Fake` stands in for training."""
    return Settings(train_sizes=sizes, seeds=seeds, train=Fake(calls, fail), **more)


def test_the_controls_a_recipe_can_have():
    assert set(controls(load_recipe("protein/amp"))) == {
        "random source", "no source", "shuffled positions", "shuffled labels",
    }  # fmt: skip
    assert set(controls(load_recipe("table/wine"))) == {"random source", "no source", "shuffled labels"}
    assert set(controls(load_recipe("forecast/etth1"))) == {"random source", "no source"}
    assert controls(load_recipe("audio/spoken_digits"))["no source"] == ['source={"name": "mfcc", "n_samples": 16000}']
    for source, clip in (("yamnet", "15600"), ("{name: hf_audio, model: x}", "16000")):
        without = controls(load_recipe("audio/spoken_digits", [f"source={source}"]))["no source"]
        assert without == [f'source={{"name": "mfcc", "n_samples": {clip}}}']
    for source in (
        "mfcc",
        "{name: hf_spectrogram, model: x}",
    ):  # no network already; hears longer than is known here
        assert "no source" not in controls(load_recipe("audio/spoken_digits", [f"source={source}"]))
    assert "no source" not in controls(load_recipe("image/digits_cifar"))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_be_compared(name):
    """All its rows are valid recipes: residues, for one, cannot be put in another order without their labels."""
    try:
        assert planned(name, Settings())[0].row == "program"
    except SourceUnavailableError:
        pytest.skip("the configuration of its source is not available here")


def test_every_row_runs_once_on_the_same_seeds(tmp_path):
    calls = []
    made = compare("protein/amp_random", tmp_path, few(["50", "all"], 3, calls))
    assert len(calls) == len(set(calls)) == 5 * 2 * 3
    assert made.train_sizes() == ["50", "all"]
    rows = [cell.row for cell in made.at("50")]
    assert rows[0] == "program"
    assert set(rows) == {
        "program",
        "kmer_forest",
        "random source",
        "no source",
        "shuffled positions",
        "shuffled labels",
    }
    more = compare("protein/amp_random", tmp_path, few(["50", "100", "all"], 3, calls))
    assert len(calls) == 5 * 3 * 3
    assert [c.mean for c in more.at("50")] == [c.mean for c in made.at("50")]
    compare("protein/amp_random", tmp_path, few(["50"], 1, calls, overrides=["training.epochs=99"]))
    assert len(calls) == 5 * 3 * 3 + 5, "another recipe is another row"
    with (tmp_path / "compare.csv").open() as handle:
        table = list(csv.DictReader(handle))
    assert {row["kind"] for row in table} == {"program", "control", "baseline"}
    assert {row["train_size"] for row in table} == {"50"}
    assert all(float(row["std"]) == 0 for row in table), "of one seed"
    assert "<svg" in (tmp_path / "compare.html").read_text()


def test_every_comparison_has_the_baselines_that_use_the_source():
    domain = ["cnn", "descriptors_logistic", "descriptors_forest"]
    own = ["linear_probe", "fine_tuning", "lora", "attention_layer"]
    recipe = load_recipe("protein/amp")
    assert compared_baselines(recipe) == list(dict.fromkeys([*recipe.baselines, *domain, *own]))
    assert compared_baselines(load_recipe("image/digits_cifar", ["baselines=[majority]"])) == [
        "majority",
        "cnn",
        *own[:3],
    ]
    assert compared_baselines(load_recipe("audio/spoken_digits", ["baselines=[cnn]"])) == ["cnn", "linear_probe"]
    assert compared_baselines(load_recipe("forecast/etth1", ["baselines=[linear]"])) == ["linear"]
    assert compared_baselines(load_recipe("protein/amp", ["source={name: identity}", "baselines=[]"])) == domain


def test_a_failed_baseline_is_said(tmp_path):
    made = compare("protein/amp_random", tmp_path, few(["50"], 2, [], ("lora",)))
    assert made.failures == [("lora, 50 labels", "no peft")]


def test_a_failed_row_does_not_lose_the_others(tmp_path):
    made = compare("protein/amp_random", tmp_path, few(["50"], 2, [], ("identity",)))
    assert made.failures == [("no source, 50 labels", "no such thing; expected another")]
    assert "random source" in {cell.row for cell in made.cells}
    assert "no such thing" in (tmp_path / "compare.html").read_text()
    made = compare("protein/amp_random", tmp_path / "full", few(["50"], 2, [], ("random",)))
    assert made.failures == [("random source, 50 labels", "MemoryError")]
    assert "no source" in {cell.row for cell in made.cells}


@pytest.mark.parametrize(
    ("mine", "other", "said"),
    [
        ((0.9, 0.91, 0.92), (0.8, 0.82, 0.81), "with 50 labels: reprogramming is better than every baseline"),
        ((0.8, 0.82, 0.81), (0.9, 0.91, 0.92), "with 50 labels: use forest here"),
        ((0.8, 0.9, 0.85), (0.85, 0.84, 0.86), "with 50 labels: no significant difference from forest"),
        ((0.9,), (0.8,), "one seed says nothing about chance"),
    ],
)
def test_the_verdict(mine, other, said):
    cells = [
        Cell("program", "program", "50", mine),
        Cell("forest", "baseline", "50", other),
        Cell("majority", "baseline", "50", tuple(0.1 for _ in mine)),
        Cell("random source", "control", "50", tuple(0.99 for _ in mine)),
    ]
    comparison = Comparison("auroc", cells, [])
    assert said in comparison.verdict("50")
    if len(mine) > 1:
        assert comparison.paired(cells[0], cells[1]) == pytest.approx(ttest_rel(mine, other).pvalue)
    assert Comparison("mse", cells[:2], []).at("50")[0].row == "program"


def test_small_errors_are_better_small():
    cells = [Cell("program", "program", "all", (0.3, 0.31, 0.29)), Cell("linear", "baseline", "all", (0.5, 0.52, 0.51))]
    assert "reprogramming is better" in Comparison("mse", cells, []).verdict("all")
    assert "use linear" in Comparison("r2", cells, []).verdict("all")


def test_runs_side_by_side_give_the_same_table(tmp_path):
    one = compare("protein/amp_random", tmp_path / "one", few(["50", "all"], 2, [], ("identity",)))
    settings = few(["50", "all"], 2, [], ("identity",), engine=Engine(jobs=2))
    two = compare("protein/amp_random", tmp_path / "two", settings)
    assert two == one
    assert len(one.failures) == 2
    assert (tmp_path / "two" / "compare.csv").read_text() == (tmp_path / "one" / "compare.csv").read_text()


def test_errors_keep_what_they_say_between_processes():
    problem = Problem("field", "this", "that")
    kept = pickle.loads(pickle.dumps(RecipeError([problem])))
    assert (str(kept), kept.problems) == (str(problem), (problem,))
    stopped = pickle.loads(pickle.dumps(TrainingInterruptedError("stopped at epoch 1")))
    assert str(stopped) == "stopped at epoch 1"


def test_a_comparison_that_is_stopped_does_not_go_on_with_other_rows(tmp_path):
    begun = []

    def train(recipe, folder, resume, comment):
        begun.append(comment)
        raise TrainingInterruptedError("stopped at epoch 1, step 3")

    with pytest.raises(TrainingInterruptedError):
        compare("protein/amp_random", tmp_path, Settings(train_sizes=["50", "all"], seeds=2, train=train))
    assert len(begun) == 1


def test_a_skipped_row_must_exist(tmp_path):
    with pytest.raises(RecipeError, match=r"--skip: found 'lara'; expected one of .*; did you mean lora\?"):
        compare("protein/amp_random", tmp_path, few(["50"], 1, [], skip=("lara", "no source")))


def test_what_is_not_known_is_written_as_such(tmp_path):
    cells = [Cell("program", "program", "50", (0.9, float("nan")), {"peak memory MiB": float("nan")})]
    write_comparison(tmp_path, "a recipe", Comparison("auroc", cells, []))
    cell = json.loads((tmp_path / "compare.json").read_text())["cells"][0]
    assert cell["values"] == [0.9, None]
    assert cell["peak memory MiB"] is None


def test_training_set_sizes_are_numbers(tmp_path):
    with pytest.raises(
        RecipeError, match="--train-sizes: found 'many'; expected numbers of labels of at least 2, or all"
    ):
        compare("protein/amp_random", tmp_path, few(["many"], 1, []))


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("xmr.baselines.fine_tuning.STEPS", 4)
    monkeypatch.setattr("xmr.baselines.fine_tuning.MIN_EPOCHS", 1)
    small = ["data.split.test=100", "source.layers=1", "training.epochs=1", "baselines=[majority, length_only]"]
    skipped = ["--skip", "random source", "--skip", "shuffled positions", "--skip", "no source"]
    asked = [
        "compare",
        "protein/amp_random",
        *small,
        "--train-sizes",
        "40",
        "--seeds",
        "2",
        *skipped,
        "-o",
        str(tmp_path),
    ]
    assert execute(asked) == 0
    said = capsys.readouterr().out
    assert "length_only" in said
    assert "shuffled labels" in said
    assert "with 40 labels: " in said
    facts = json.loads((tmp_path / "compare.json").read_text())
    assert facts["metric"] == "auroc"
    assert execute(["compare", "protein/amp_random", "--train-sizes", "few", "-o", str(tmp_path)]) == 2
