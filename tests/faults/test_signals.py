"""Signals while training, closed pipes, other locales."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from tests.faults.conftest import ENVIRONMENT, started, xmr
from tests.faults.test_two_at_once import wait_for

SAME = ("predictions.csv", "history.csv", "recipe.yaml", "program/program.safetensors", "program/program.json")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_while_training(tiny, tmp_path, number):
    out, ready, go = tmp_path / "run", tmp_path / "ready", tmp_path / "go"
    asked = ("run", tiny.home / "r0.yaml", "--quiet", "--device", "cpu", "-o", out)
    process = started("tests.faults.held", ready, go, *asked)
    wait_for(ready, process)
    process.send_signal(number)
    go.touch()
    _, said = process.communicate(timeout=120)
    assert process.returncode != 0
    assert "Traceback" not in said
    assert not (out / "metrics.json").is_file()
    done = xmr(*asked, "--resume")
    assert done.returncode == 0, done.stderr
    for name in SAME:
        assert (out / name).read_bytes() == (tiny.run / name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["head -1", "true"])
@pytest.mark.parametrize("command", ["list", "show {run}", "check {home}/r0.yaml"])
def test_a_closed_pipe(tiny, reader, command):
    asked = f"{sys.executable} -m xmr {command.format(run=tiny.run, home=tiny.home)} | {reader}"
    done = subprocess.run(["bash", "-c", asked], capture_output=True, text=True, env=ENVIRONMENT)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert "BrokenPipe" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "environment",
    [
        {"LC_ALL": "C"},
        {"LC_ALL": "POSIX", "PYTHONUTF8": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=["C", "POSIX", "ascii", "no coercion"],
)
def test_other_locales(tiny, tmp_path, environment):
    """Files are UTF-8 whatever the terminal takes, and what it cannot show is written otherwise."""
    source = tmp_path / "Łódź 蛋白.csv"
    source.write_text((tiny.home / "x.csv").read_text().replace("p1,", "蛋白é,"), encoding="utf-8")
    found = []
    for number, more in enumerate((environment, {})):
        out = tmp_path / f"é{number}.csv"
        done = xmr("predict", tiny.run, source, "-o", out, **more)
        assert done.returncode == 0, done.stderr
        found.append(out.read_bytes())
        lost = xmr("predict", tiny.run, tmp_path / "Łódź.csv", "-o", out, **more)
        assert lost.returncode == 2, lost.stderr
        assert "Traceback" not in lost.stderr
    assert found[0] == found[1]
    assert "蛋白é".encode() in found[0]
