"""A tiny recipe, its finished run, and commands as processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.faults.commands import RECIPE, sequences

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}


@dataclass(frozen=True)
class Tiny:
    """home: holds x.csv and recipes r0.yaml, r1.yaml of seeds 0 and 1, which train for 150 epochs; run: of seed 0."""

    home: Path
    run: Path


def xmr(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in a process."""
    command = [sys.executable, "-m", "xmr", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env={**ENVIRONMENT, **environment}, errors="replace")


def started(*arguments: object) -> subprocess.Popen[str]:
    """A module of Python that goes on beside this process: xmr, or tests.faults.held."""
    command = [sys.executable, "-m", *map(str, arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True, env=ENVIRONMENT)


def one_message(text: str) -> str:
    """What xmr said to refuse. Raises AssertionError where that is a traceback or more than a dozen lines."""
    assert "Traceback" not in text, text
    lines = [line for line in text.splitlines() if line.startswith("xmr: ")]
    assert 1 <= len(lines) <= 12, text
    assert "--debug" not in text, text  # how the command line shows what xmr did not foresee
    return "\n".join(lines)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    home = tmp_path_factory.mktemp("tiny")
    (home / "x.csv").write_text(sequences())
    (home / "many.csv").write_text(sequences(5000))
    for seed in (0, 1):
        text = RECIPE.format(path=home / "x.csv", seed=seed, baselines="majority")
        (home / f"r{seed}.yaml").write_text(text.replace("epochs: 2", "epochs: 150"))
    done = xmr("run", home / "r0.yaml", "-o", home / "run", "--quiet", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return Tiny(home, home / "run")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 kB that may be made larger: `remounted`."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def remounted(place: Path, options: str) -> None:
    """The same file system with other options."""
    subprocess.run(["mount", "-o", f"remount,{options}", place], check=True)
