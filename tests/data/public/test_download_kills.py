"""`kill -9` at every file-system step of `xmr data get`: no part counts as the whole, and the next try gives it."""

import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("scenario", "kind", "how", "steps"),
    [
        ("every", "spoken", "new", 30),
        ("every", "spoken", "force", 25),
        ("every", "sounds", "new", 30),
        ("every", "promoters", "new", 15),
        ("every", "promoters", "force", 10),
        ("recovers", "spoken", "new", 10),
    ],
)
def test_killed(scenario, kind, how, steps):
    command = [sys.executable, "-m", "tests.data.public.killing", scenario, kind, how]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= steps
