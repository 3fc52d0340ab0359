"""One small real run, shared by the tests of the commands."""

from __future__ import annotations

import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from xmr.cli.app import execute

SMALL = (
    "data.split.by=random",
    "data.split.test=300",
    "data.split.n_labelled=200",
    "source.layers=1",
    "output.name=linear",
    "ensemble=1",
    "training={epochs: 6, min_steps: 1, learning_rate: 3e-3, batch_tokens: 2048}",
    "baselines=[majority, length_only, kmer_logistic]",
)


@dataclass(frozen=True)
class Done:
    """What a command left: its exit status and what it said."""

    returncode: int
    stdout: str
    stderr: str


def xmr(*arguments: object, check: bool = True) -> Done:
    """The command line in this process, which saves the seconds of importing torch for every command."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = execute([str(argument) for argument in arguments])
    if check:
        assert status == 0, err.getvalue()
    return Done(status, out.getvalue(), err.getvalue())


def xmr_process(*arguments: object, check: bool = True) -> Done:
    """The command line as a user runs it."""
    done = subprocess.run([sys.executable, "-m", "xmr", *map(str, arguments)], capture_output=True, text=True)
    if check:
        assert done.returncode == 0, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "amp"
    xmr_process("run", "protein/amp", *SMALL, "-o", folder, "--quiet")
    return folder
