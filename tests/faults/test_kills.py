"""Killed at any step in the file system, a command that is given again ends with what it would have given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.conftest import ENVIRONMENT, ROOT
from tests.faults.steps import KILLED, Steps, counted


def killed(*arguments: object, json_file: Path) -> tuple[int, str, dict[str, Any]]:
    """Exit status, what was said, and the counts."""
    command = [sys.executable, "-m", "tests.faults", *map(str, arguments), "--json", str(json_file)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert json_file.is_file(), said
    return done.returncode, said, json.loads(json_file.read_text())


def test_a_dozen_kills(tmp_path):
    asked = [text for name in ("run", "predict", "data get") for text in ("--command", name)]
    status, said, found = killed("--kills", 12, *asked, json_file=tmp_path / "faults.json")
    assert status == 0, said
    assert [row["kills"] for row in found["commands"]] == [4, 4, 4]


@pytest.mark.slow
def test_two_hundred_kills(tmp_path):
    status, said, found = killed("--kills", 200, "--seed", 1, json_file=tmp_path / "faults.json")
    assert status == 0, said
    assert sum(row["kills"] for row in found["commands"]) == 200


DYING = """
import os, sys
from pathlib import Path
from tests.faults.steps import Steps, counted
root = Path(sys.argv[1])
with counted(Steps(root, int(sys.argv[2]), sys.argv[3] == "after")):
    (root / "a").mkdir()
    (root / "a" / "x").write_text("one")
    os.replace(root / "a" / "x", root / "a" / "y")
    (root / "a" / "z").unlink(missing_ok=True)
"""


@pytest.mark.parametrize(
    ("at", "when", "left"),
    [
        (1, "before", []),
        (1, "after", ["a"]),
        (2, "before", ["a"]),
        (3, "before", ["a", "a/x"]),
        (3, "after", ["a", "a/y"]),
        (4, "after", ["a", "a/y"]),
    ],
)
def test_a_process_dies_at_its_step(tmp_path, at, when, left):
    done = subprocess.run([sys.executable, "-c", DYING, str(tmp_path), str(at), when], cwd=ROOT, env=ENVIRONMENT)
    assert done.returncode == KILLED
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == left


def test_only_steps_below_the_folder_count(tmp_path):
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    inside.mkdir()
    with counted(Steps(inside)) as steps:
        outside.write_text("x")
        (inside / "x").write_text("x")
        (inside / "x").read_text()
        outside.rename(inside / "y")
    assert steps.seen == ["open x", "rename outside"]
