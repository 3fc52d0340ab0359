"""How an error leaves the command line."""

import pytest

from xmr.cli import run as run_command
from xmr.cli.app import COMMANDS, execute


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["frobnicate"], "frobnicate"),
        (["run", "--bogus", "x"], "--bogus"),
        (["run"], "recipe"),
        (["predict", "nowhere", "nothing.fasta"], "no such file"),
        (["predict", "nowhere", "docs/examples/peptides.fasta"], "no program.json"),
        (
            ["predict", "nowhere", "docs/examples/peptides.fasta", "--on-error", "skipp"],
            "'skipp' is not one of 'fail', 'skip'",
        ),
        (["run", "protein/amp", "--device", "cuda:9", "-o", "runs/never"], "xmr doctor"),
        (
            ["run", "protein/amp", "--device", "cpuu"],
            "'cpuu' is not one of 'auto', 'cpu', 'cuda', 'cuda:N', 'mps'; did",
        ),
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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "protein/amp", "--budgets", "50"], "--budgets is now --train-sizes"),
        (["compare", "protein/amp", "--without", "lora"], "--without is now --skip"),
        (["sweep", "protein/amp", "seed=1,2", "--most", "3"], "--most is now --max-trials"),
        (["sweep", "protein/amp", "seed=1,2", "--untrained"], "--untrained is now --leave-one-out"),
        (["new", "forecast", "x.csv", "--skip", "place"], "--skip is now --ignore-column"),
        (["predict", "p", "x.csv", "--on-bad", "skip"], "--on-bad is now --on-error"),
        (["run", "protein/amp", "--skip", "x"], "No such option: --skip"),
    ],
)
def test_a_renamed_option_is_answered_with_its_new_name(arguments, message, capsys):
    assert execute(arguments) == 2
    assert message in capsys.readouterr().err


def test_a_failure_of_ours_is_status_1(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(run_command, "run_once", lambda *_, **__: 1 / 0)
    assert execute(["run", "protein/amp", "-o", str(tmp_path / "x")]) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    with pytest.raises(ZeroDivisionError):
        execute(["--debug", "run", "protein/amp", "-o", str(tmp_path / "x")])


def test_version_and_help(capsys):
    assert execute(["--version"]) == 0
    assert "xmr 0." in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS), ["data"], ["data", "get"]])
def test_help_is_whole_sentences_with_an_example(command, capsys):
    assert execute([*command, "--help"]) == 0
    shown = capsys.readouterr().out
    assert not [line for line in shown.splitlines() if line.endswith("...") and not line.startswith("Usage:")]
    assert "--no-" not in shown
    if command and command[0] in COMMANDS:
        assert f"Example: xmr {command[0]}" in shown


@pytest.mark.parametrize("name", ["check", "list", "show", "doctor"])
def test_examples_that_need_no_file_run(name, capsys):
    assert execute([name, *COMMANDS[name][1].split()]) == 0
    assert len(capsys.readouterr().out) > 100


def test_the_baselines_are_listed(capsys):
    assert execute(["list", "baselines"]) == 0
    shown = capsys.readouterr().out
    assert "kmer_forest: random forest on frequencies of 1- to 3-mers" in shown
    assert shown.count("\ncnn: ") == 1, "once, though several kinds have their own"


def test_ctrl_c_is_told(monkeypatch, capsys, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_command, "run_once", stop)
    assert execute(["run", "protein/amp", "-o", str(tmp_path / "x")]) in (1, 130)
    assert capsys.readouterr().err.strip() == "xmr: stopped"


def test_names_from_files_cannot_steer_the_terminal(capsys, tmp_path):
    path = tmp_path / "a\x1b]0;pwned\x07.csv"
    path.write_text("peptid\nACD\n")
    assert execute(["new", "protein", str(path)]) == 2
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert r"\x1b]0;pwned\x07" in error
