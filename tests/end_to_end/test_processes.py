"""The same command on two processes, by accelerate."""

import json
import subprocess
import sys

import pytest

from tests.end_to_end.conftest import SMALL


@pytest.mark.slow
@pytest.mark.parametrize("output", ["linear", "bayesian_plus_mapping"])
def test_two_processes_train_one_program(tmp_path, output):
    launch = [sys.executable, "-m", "accelerate.commands.launch", "--cpu", "--num_processes", "2", "-m", "xmr"]
    command = [*launch, "run", "protein/amp", *SMALL, f"output.name={output}", "-o", str(tmp_path / "out"), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["source_unchanged"] is True
    assert metrics["test"]["auroc"] > (0.7 if output == "linear" else 0.5)
