"""How an error leaves the command line."""

import pytest

from xmr.cli import run as run_command
from xmr.cli.app import execute


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "frobnicate"),
        (["run", "--bogus", "x"], "--bogus"),
        (["run"], "recipe"),
        (["predict", "nowhere", "nothing.fasta"], "no such file"),
        (["predict", "nowhere", "docs/examples/peptides.fasta"], "no program.json"),
        (["predict", "nowhere", "docs/examples/peptides.fasta", "--on-bad", "skipp"], "did you mean skip"),
        (["run", "protein/amp", "--device", "cuda:9", "-o", "runs/never"], "xmr doctor"),
        (["list", "transfoms"], "did you mean transforms"),
        (["data", "get", "amp_vs_uniprt"], "did you mean amp_vs_uniprot"),
        (["--plugin", "nowhere.py", "list"], "nowhere.py"),
        (["check"], "--all"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, message, capsys):
    assert execute(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("xmr: ")
    assert message in error
    assert error.count("\n") == 1


def test_a_failure_of_ours_is_status_1(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(run_command, "_one", lambda *_: 1 / 0)
    assert execute(["run", "protein/amp", "-o", str(tmp_path / "x")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        execute(["--debug", "run", "protein/amp", "-o", str(tmp_path / "x")])


def test_version_and_help(capsys):
    assert execute(["--version"]) == 0
    assert "xmr 0." in capsys.readouterr().out
