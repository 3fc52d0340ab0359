"""The same command on two processes, as torchrun starts them."""

import json
import subprocess
import sys

import pytest

from tests.end_to_end.conftest import SMALL, xmr

STILL = (*SMALL, "training.learning_rate=1e-12", "training.epochs=3", "training.batch_tokens=1024", "baselines=[]")


def on_two(*arguments):
    """What two processes said on their error streams together."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m", "xmr"]
    done = subprocess.run([*launch, *map(str, arguments), "--quiet"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("output", ["linear", "bayesian_plus_mapping", "ridge"])
def test_two_processes_train_one_program(tmp_path, output):
    said = on_two("run", "protein/amp", *SMALL, f"output.name={output}", "-o", tmp_path / "out")
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["processes"] == 2
    assert metrics["source_unchanged"] is True
    assert metrics["test"]["auroc"] > (0.5 if output == "bayesian_plus_mapping" else 0.7)
    assert said.count("records read") == said.count("test auroc") == 1


@pytest.mark.slow
@pytest.mark.parametrize("output", ["bayesian_plus_mapping", "ridge"])
def test_two_processes_count_what_one_counts(tmp_path, output):
    """Every record once, though one batch is there twice so that both processes have as many."""
    asked = ["run", "protein/amp", *STILL, f"output={{name: {output}, update_every: 2}}", "-o"]
    on_two(*asked, tmp_path / "two")
    xmr(*asked, tmp_path / "one", "--quiet")
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    assert (one["processes"], two["processes"]) == (1, 2)
    for name, value in one["test"].items():
        assert two["test"][name] == pytest.approx(value, abs=1e-4), name


@pytest.mark.slow
def test_two_processes_sum_up_several_seeds(tmp_path):
    quick = ["source={name: identity, width: 16}", "training.min_steps=1", "training.epochs=1", "baselines=[]"]
    said = on_two("run", "protein/amp", *SMALL, *quick, "--seeds", "2", "-o", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["seeds"] == [0, 1]
    assert said.count("standard deviation over 2 seeds") == 1
