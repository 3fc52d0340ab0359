"""One small real run, shared by the tests of the commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SMALL = (
    "data.split.by=random",
    "data.split.test=300",
    "data.split.labels=200",
    "source.layers=1",
    "training.epochs=6",
    "baselines=[majority, length_only, kmer_logistic]",
)


def xmr(*arguments: object, cwd: Path | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does."""
    done = subprocess.run([sys.executable, "-m", "xmr", *map(str, arguments)], capture_output=True, text=True, cwd=cwd)
    if check:
        assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "amp"
    xmr("run", "protein/amp", *SMALL, "-o", folder, "--quiet")
    return folder
