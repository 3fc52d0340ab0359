"""Jobs: what is left out late stays aligned; shuffled labels keep their lengths."""

import csv

import numpy as np
import pytest

from xmr.baselines.registry import run_baseline
from xmr.commands.run import run, validate
from xmr.commands.sweep.sweep import sweep
from xmr.errors import MissingExtraError, RecipeError
from xmr.job import load_job
from xmr.recipe.load import load_recipe

RECIPE = """task: classification
data: {{path: {path}, on_error: skip, split: {{by: predefined, validation: 0}}}}
encoder: {{name: protein}}
source: {{name: identity, width: 16}}
transform: {{name: free_embedding}}
output: {{name: linear}}
training: {{epochs: 2, precision: full}}
baselines: [majority, kmer_logistic]
"""


def write(tmp_path):
    rng = np.random.default_rng(0)
    lines = ["id,sequence,label,set"]
    for i in range(40):
        label = "odd" if i in (31, 35) else "ab"[i % 2]  # a label that only the test part has
        text = "".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=12))
        lines.append(f"r{i},{text},{label},{'train' if i < 28 else 'test'}")
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "r.yaml").write_text(RECIPE.format(path=tmp_path / "x.csv"))
    return load_recipe(tmp_path / "r.yaml")


def test_a_test_record_left_out_late_leaves_the_others_aligned(tmp_path):
    recipe = write(tmp_path)
    job = load_job(recipe)
    kept = [f"r{i}" for i in range(28, 40) if i not in (31, 35)]
    assert job.records["test"].ids == kept
    result = run(recipe, tmp_path / "out", device="cpu")
    assert result["n_test"] == len(kept)
    assert set(result["baselines"]) == {"majority", "kmer_logistic"}
    with (tmp_path / "out" / "predictions.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["id"] for row in rows] == kept
    assert all(row["label"] == "ab"[int(row["id"][1:]) % 2] for row in rows)
    right = np.mean([row["label"] == row["predicted"] for row in rows])
    assert np.isclose(right, result["test"]["accuracy"])
    assert "r31" in (tmp_path / "out" / "skipped.csv").read_text()


def test_a_validation_part_of_one_class_is_said_and_no_sweep_chooses_by_it(tmp_path):
    lines = ["sequence,label,set"]
    lines += [f"{'AC' * (3 + i % 4)}{'DE'[i % 2] * 3}{'GH' * (i // 2)},{i % 2},train" for i in range(20)]
    lines += [f"{'K' * (4 + i)},0,validation" for i in range(5)]
    lines += [f"{'L' * (4 + i)},{i % 2},test" for i in range(6)]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "r.yaml").write_text(RECIPE.format(path=tmp_path / "x.csv"))
    recipe, said = load_recipe(tmp_path / "r.yaml", ["baselines=[]"]), []
    result = run(recipe, tmp_path / "out", device="cpu", log=said.append)
    assert said[-1] == "auroc is not defined on the 5 validation records: the last epoch was kept"
    assert result["validation"] is None
    assert result["best_epoch"] == 2
    with pytest.raises(RecipeError, match=r"data.split.validation: found 5 records without a defined auroc; expected"):
        sweep(str(tmp_path / "r.yaml"), ["training.epochs=1,2"], tmp_path / "sweep")


def test_a_run_stopped_among_its_baselines_repeats_none(tmp_path, monkeypatch):
    recipe, asked = write(tmp_path), []

    def slow(name, parts):
        asked.append(name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return run_baseline(name, parts)

    monkeypatch.setattr("xmr.commands.run_baselines.run_baseline", slow)
    with pytest.raises(KeyboardInterrupt):
        run(recipe, tmp_path / "out", device="cpu")
    stopped = run(recipe, tmp_path / "out", device="cpu", resume=True)
    assert asked == ["majority", "kmer_logistic", "kmer_logistic"]
    straight = run(recipe, tmp_path / "other", device="cpu")
    assert stopped["test"] == straight["test"]
    for name, values in straight["baselines"].items():
        assert stopped["baselines"][name]["auroc"] == values["auroc"]
        assert stopped["baselines"][name]["peak_memory_mib"] > 0
    assert not (tmp_path / "out" / "checkpoint").exists()


def test_a_run_without_a_test_goes_on_to_it(tmp_path, monkeypatch):
    """What a choice is made by: nothing of the test part is predicted, and going on trains no step again."""
    recipe = write(tmp_path)
    first = validate(recipe, tmp_path / "out")
    assert "test" not in first
    assert not (tmp_path / "out" / "predictions.csv").exists()
    assert validate(recipe, tmp_path / "out", resume=True)["epochs_run"] == first["epochs_run"] == 2
    steps = []
    whole = run(recipe, tmp_path / "out", device="cpu", resume=True, report=steps.append)
    assert not steps
    straight = run(recipe, tmp_path / "other", device="cpu")
    assert whole["test"] == straight["test"]
    assert whole["seconds"]["train"] >= first["seconds"]["train"]
    assert not (tmp_path / "out" / "checkpoint").exists()


@pytest.mark.parametrize(
    ("error", "said_of_it"),
    [(MissingExtraError("lora needs the package peft"), "lora needs the package peft"), (MemoryError(), "MemoryError")],
)
def test_a_baseline_that_fails_loses_no_other(tmp_path, monkeypatch, error, said_of_it):
    def failing(name, parts):
        if name == "majority":
            raise error
        return run_baseline(name, parts)

    monkeypatch.setattr("xmr.commands.run_baselines.run_baseline", failing)
    said = []
    result = run(write(tmp_path), tmp_path / "out", device="cpu", log=said.append)
    assert set(result["baselines"]) == {"kmer_logistic"}
    assert result["failed_baselines"] == {"majority": said_of_it}
    assert f"baseline majority failed: {said_of_it}" in said
