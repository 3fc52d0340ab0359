import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scipy.stats import ttest_rel

from xmr.cli.app import execute
from xmr.commands.study.pages import html, markdown
from xmr.commands.study.result import Cell, Result, ResultRow, read_result, with_verdicts
from xmr.commands.study.settings import load_study
from xmr.commands.study.study import check_study, study
from xmr.errors import DataError, RecipeError

ROOT = Path(__file__).parents[2]
STUDIES = sorted((ROOT / "studies").rglob("*.yaml"))
TEXT = """
title: A small study
recipe: protein/amp_200
seeds: 3
overrides: [data.split.validation=0.2]
columns:
  few: [training.epochs=1]
  many: {overrides: [training.epochs=9], metric: accuracy}
rows:
  program:
    baselines: [kmer_forest]
    choose: {rule: validation, among: {slow: [training.learning_rate=1e-3], fast: [training.learning_rate=1e-2]}}
  random weights: {like: program, kind: control, overrides: [source.weights=random]}
"""


@dataclass
class Fake:
    """Stands in for training: what is tested here is which recipes run, and what is reported of them."""

    calls: list[tuple[object, ...]] = field(default_factory=list)
    fail: str = ""

    def __call__(self, recipe, folder, resume, comment):
        done = folder / "metrics.json"
        if done.is_file():
            return json.loads(done.read_text())
        weights, rate, epochs = recipe.source["weights"], recipe.training.learning_rate, recipe.training.epochs
        self.calls.append((weights, rate, epochs, recipe.seed, tuple(recipe.baselines)))
        if self.fail == weights:
            raise MemoryError
        value = 0.8 - (0.1 + 0.02 * recipe.seed) * (weights == "random") + 0.01 * recipe.seed**2 + 0.05 * (rate == 1e-2)
        found = {"metric": "auroc", "test": {"auroc": value, "accuracy": value / 2}, "failed_baselines": {}}
        found |= {"validation": rate, "left_out": -rate, "baselines": {}}
        if recipe.baselines:
            found["baselines"] = {"kmer_forest": {"auroc": 0.9 + 0.012 * recipe.seed, "accuracy": 0.1}}
        folder.mkdir(parents=True)
        done.write_text(json.dumps(found))
        return found


def _settings(tmp_path, text=TEXT):
    path = tmp_path / "small.yaml"
    path.write_text(text)
    return load_study(path)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_is_made_of_valid_recipes(path):
    check_study(load_study(path))


def test_rows_columns_and_choices(tmp_path):
    fake = Fake()
    result = study(_settings(tmp_path), tmp_path / "out", "xmr study small.yaml", train=fake)
    assert result.columns == {"few": "auroc", "many": "accuracy"}
    assert list(result.rows) == ["program", "kmer_forest", "random weights"]
    program, forest, control = (row.cells["few"] for row in result.rows.values())
    assert program.choice == "fast"
    assert program.values == pytest.approx([0.85, 0.86, 0.89])
    assert control.p == pytest.approx(ttest_rel(program.values, control.values).pvalue, nan_ok=True)
    assert result.rows["random weights"].kind == "control"
    assert "worse than the best baseline (few)" in result.rows["program"].verdict
    assert "better than the best baseline (many)" in result.rows["program"].verdict
    assert forest.mean == pytest.approx(0.912)
    tried = [call for call in fake.calls if call[1] == 1e-3]
    assert len(tried) == 2  # one seed of the alternative that was not chosen, per column
    assert all(call[1] == 1e-2 for call in fake.calls if call[0] == "random")  # the control follows the choice


def test_a_stopped_study_resumes_and_more_seeds_add_only_their_runs(tmp_path):
    settings = _settings(tmp_path)
    study(settings, tmp_path / "out", "", train=Fake())
    again = Fake()
    study(settings.model_copy(update={"seeds": 4}), tmp_path / "out", "", train=again)
    assert {call[3] for call in again.calls} == {3}


def test_leave_one_out_chooses_without_training(tmp_path):
    fake, measure = Fake(), Fake()
    text = TEXT.replace("rule: validation", "rule: leave_one_out").replace("amp_200", "amp")
    result = study(_settings(tmp_path, text), tmp_path / "out", "", train=fake, measure=measure)
    assert result.rows["program"].cells["few"].choice == "slow"
    assert {call[1] for call in fake.calls} == {1e-3}
    assert {call[1] for call in measure.calls} == {1e-3, 1e-2}


def test_a_row_may_be_what_xmr_auto_chooses(tmp_path):
    calls = []

    def search(recipe, folder, resume, comment, minutes):
        calls.append((minutes, recipe.seed, recipe.baselines))
        forest = {"auroc": 0.8, "accuracy": 0.6, "standard_error": 0.02 + 0.01 * recipe.seed}
        test = {"auroc": 0.9, "accuracy": 0.7 + 0.1 * recipe.seed}
        chosen = ["kernel head", "kernel head", "forest"][recipe.seed]
        return {
            "metric": "auroc",
            "test": test,
            "chosen": chosen,
            "baselines": {"kmer_forest": forest},
            "failed_baselines": {},
        }

    text = TEXT.partition("rows:")[0] + "rows:\n  auto: {auto: 0.5, baselines: [kmer_forest]}\n"
    found = study(_settings(tmp_path, text), tmp_path / "out", "", search=search)
    column = next(iter(found.columns))
    assert calls[:3] == [(0.5, seed, ["kmer_forest"]) for seed in range(3)]
    assert found.rows["auto"].cells[column].mean == pytest.approx(0.9)
    assert found.rows["auto"].cells[column].choice == "kernel head; forest"
    assert found.rows["kmer_forest"].cells[column].error == pytest.approx(0.03)


def test_a_cell_that_fails_is_reported_and_the_others_go_on(tmp_path):
    result = study(_settings(tmp_path), tmp_path / "out", "", train=Fake(fail="random"))
    assert list(result.failures) == ["random weights, few", "random weights, many"]
    assert read_result(tmp_path / "out" / "study.json").rows["program"].cells.keys() == {"few", "many"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("like: program", "like: programme", "small.yaml:13: rows.random weights.like: found 'programme'"),
        ("kind: control", "kinds: control", "did you mean kind?"),
        ("rule: validation", "rule: test", "'validation' or 'leave_one_out'"),
        ("recipe: protein/amp_200", "recipe: protein/amq_200", "did you mean protein/amp_200?"),
        ("source.weights=random", "source.weight=random", "did you mean weights?"),
        ("rule: validation", "rule: leave_one_out", "ridge, which leave_one_out needs"),
        ("validation=0.2", "validation=0", "program, few: data.split.validation: found 0"),
        ("seeds: 3", "seeds: 3\nrepeats: {a: [data.split.grup=a]}", "data.split.grup"),
        ("metric: accuracy", "metric: rmse", "program, many: metric: found 'rmse'; expected one of accuracy"),
        ("metric: accuracy", "metric: 'auroc[label]'", "program, many: metric: found 'auroc[label]'"),
        ("seeds: 3", "seeds: 0", "greater than or equal to 1"),
    ],
)
def test_wrong_files_are_named(tmp_path, old, new, message):
    with pytest.raises(RecipeError) as caught:
        study(_settings(tmp_path, TEXT.replace(old, new)), tmp_path / "out", "", train=Fake())
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_missing_file_is_one_line(tmp_path, capfd):
    assert execute(["study", str(tmp_path / "none.yaml")]) == 2
    assert "no such file" in capfd.readouterr().err


def _result(**cells):
    rows = {
        "program": ResultRow(kind="program", cells={"all": cells["program"]}),
        "<b>|forest": ResultRow(kind="baseline", cells={"all": cells["forest"]}),
    }
    return with_verdicts(Result(title="t", command="c", seeds=5, columns={"all": "mse"}, rows=rows))


def test_errors_are_better_small_and_text_is_escaped():
    result = _result(program=Cell(mean=0.4, std=0.1), forest=Cell(mean=0.3, p=0.01))
    assert result.rows["program"].verdict == "worse than the best baseline"
    assert result.rows["<b>|forest"].verdict == "better than program"
    assert "**0.300**" in markdown(result)
    assert "<b>\\|forest" in markdown(result)
    assert "&lt;b&gt;|forest" in html(result)
    assert "<b>" not in html(result)


def test_figures_without_single_values_are_not_tested():
    result = _result(program=Cell(mean=0.2), forest=Cell(mean=0.3))
    assert result.rows["program"].verdict == "ahead of the best baseline, not tested"


def test_a_damaged_result_is_named(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("{}")
    with pytest.raises(DataError, match=r"x\.json: title"):
        read_result(path)
    path.write_text("{")
    with pytest.raises(DataError, match="a result file of `xmr study`"):
        read_result(path)


@pytest.mark.parametrize("path", sorted((ROOT / "results").rglob("*.json")), ids=lambda path: path.stem)
def test_kept_results_are_whole(path):
    """Verdicts are what the figures say, so that a figure edited by hand does not keep an old verdict."""
    if "columns" in json.loads(path.read_text()):
        result = read_result(path)
        assert with_verdicts(result.model_copy(deep=True)) == result
