"""Two processes with one output: one wins, the other is refused, and the output is wholly the winner's."""

from __future__ import annotations

import json
import time

import pytest

from tests.faults.conftest import one_message, started, xmr


def wait_for(path, process, seconds=120):
    end = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, f"{path} did not come"
        time.sleep(0.02)


@pytest.mark.slow
def test_two_runs(tiny, tmp_path):
    out, ready, go = tmp_path / "out", tmp_path / "ready", tmp_path / "go"
    asked = ("--device", "cpu", "--quiet", "-o", out)
    first = started("tests.faults.held", ready, go, "run", tiny.home / "r0.yaml", *asked)
    wait_for(ready, first)
    for more in ([], ["--resume"], ["--force"]):
        second = xmr("run", tiny.home / "r1.yaml", *asked, *more)
        assert second.returncode == 2, second.stderr
        assert str(out) in one_message(second.stderr)
    go.touch()
    assert first.wait() == 0, first.communicate()[1]
    assert json.loads((out / "metrics.json").read_text())["seed"] == 0
    for name in ("predictions.csv", "history.csv", "program/program.safetensors", "program/program.json"):
        assert (out / name).read_bytes() == (tiny.run / name).read_bytes(), name


@pytest.mark.slow
def test_two_runs_started_together(tiny, tmp_path):
    out = tmp_path / "out"
    both = [started("xmr", "run", tiny.home / f"r{seed}.yaml", "--quiet", "-o", out) for seed in (0, 1)]
    said = [process.communicate()[1] for process in both]
    statuses = [process.returncode for process in both]
    assert sorted(statuses) == [0, 2], said
    winner = statuses.index(0)
    one_message(said[1 - winner])
    assert json.loads((out / "metrics.json").read_text())["seed"] == winner
    assert f"seed: {winner}\n" in (out / "recipe.yaml").read_text()
    assert json.loads((out / "environment.json").read_text())["seed"] == winner


@pytest.mark.slow
def test_two_predictions(tiny, tmp_path):
    out, ready, go = tmp_path / "out.csv", tmp_path / "ready", tmp_path / "go"
    first = started("tests.faults.held", ready, go, "predict", tiny.run, tiny.home / "many.csv", "-o", out)
    wait_for(ready, first)
    for more in ([], ["--force"]):
        second = xmr("predict", tiny.run, tiny.home / "x.csv", "-o", out, *more)
        assert second.returncode == 2, second.stderr
        assert "out.csv" in one_message(second.stderr)
    go.touch()
    assert first.wait() == 0, first.communicate()[1]
    alone = tmp_path / "alone.csv"
    assert xmr("predict", tiny.run, tiny.home / "many.csv", "-o", alone).returncode == 0
    assert out.read_bytes() == alone.read_bytes()


@pytest.mark.slow
def test_four_predictions_of_one_program(tiny, tmp_path):
    outs = [tmp_path / f"{i}.csv" for i in range(4)]
    each = [started("xmr", "predict", tiny.run, tiny.home / "many.csv", "-o", out) for out in outs]
    said = [process.communicate()[1] for process in each]
    assert [process.returncode for process in each] == [0] * 4, said
    assert len({out.read_bytes() for out in outs}) == 1
