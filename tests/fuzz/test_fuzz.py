"""Every reader under seeded damage, in a process of its own; and whether the fuzzer sees what is wrong.

`make fuzz` runs thousands of cases a reader; one that fails is run again by the line that it prints.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.outcome import FAILURE, READ, REFUSED, ROOT, bad_message
from tests.fuzz.readers import BAD, READERS
from tests.fuzz.readers.bad import WAYS
from tests.fuzz.workers import random_of
from xmr.errors import DataError, Problem


def fuzz(*arguments: object, json_file: Path) -> tuple[int, str, dict[str, Any]]:
    """Exit status, all that was printed, and the counts."""
    command = [sys.executable, "-m", "tests.fuzz", *map(str, arguments), "--json", str(json_file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    said = done.stdout + done.stderr
    assert json_file.is_file(), said
    return done.returncode, said, json.loads(json_file.read_text())


def test_a_few_cases_of_every_reader(tmp_path):
    status, said, found = fuzz("--cases", 20, "--jobs", 2, json_file=tmp_path / "fuzz.json")
    assert status == 0, said
    assert [row["reader"] for row in found["readers"]] == list(READERS)
    assert all(row["cases"] == row["read"] + row["refused"] == 20 for row in found["readers"])


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_five_hundred_cases(tmp_path, name):
    status, said, _ = fuzz("--cases", 500, "--reader", name, "--jobs", 1, json_file=tmp_path / "fuzz.json")
    assert status == 0, said


def test_the_fuzzer_sees_every_way_to_fail(tmp_path):
    """A deliberately bad reader: each way to fail is told, in its own words, and takes no other case with it."""
    ways: dict[str, int] = {}
    for case in range(1000):
        ways.setdefault(random_of(0, BAD, case).choice(WAYS), case)
    asked = [text for case in ways.values() for text in ("--case", case)]
    keep = tmp_path / "kept"
    status, said, found = fuzz("--reader", BAD, *asked, "--limit", 0.5, "--keep", keep, json_file=tmp_path / "f.json")
    assert status == 1
    causes = {kind["first"]: kind["cause"] for kind in found["failures"]}
    expected = {
        "KeyError": "KeyError",
        "hang": "hang",
        "hang in C": "hang in C",
        "memory": "memory",
        "taken for an error": "memory",
        "another result": "silent: another result",
        "dies": "died of signal 6",
        "no name": "a message without the file's name",
        "control bytes": "control characters in the message",
        "too long": "a message of too many lines",
        "no place": "a message without a place",
        "refuses a sound file": "a sound file is refused",
    }
    assert {way: causes.get(case) for way, case in ways.items()} == {**expected, "read": None, "refused": None}
    assert (found["readers"][0][READ], found["readers"][0][REFUSED]) == (1, 1)
    assert found["readers"][0]["failures"] == len(expected)
    assert f"python -m tests.fuzz --reader bad --seed 0 --case {ways['hang']}" in said
    kept = {json.loads(path.read_text())["case"]: path.parent for path in keep.rglob("outcome.json")}
    assert (kept[ways["KeyError"]] / "x.csv").read_text() == "KeyError"
    assert all(json.loads((folder / "outcome.json").read_text())["kind"] == FAILURE for folder in kept.values())


@pytest.mark.slow
def test_a_case_is_the_same_whatever_ran_before(tmp_path):
    """Alone or among others, with one process or two."""
    found = []
    for number, more in enumerate((("--cases", 30, "--jobs", 2), ("--cases", 30, "--jobs", 1), ("--case", 7))):
        _, said, _ = fuzz("--reader", "overrides", *more, json_file=tmp_path / f"{number}.json")
        found.append(said)
    counts = [line.split()[:5] for said in found[:2] for line in said.splitlines() if line.startswith("overrides")]
    assert counts[0] == counts[1]


def test_what_a_refusal_must_look_like():
    good = DataError(Problem("/tmp/x.csv:3", "'1'", "a sequence"))
    assert bad_message(good, ("x.csv",)) == ""
    assert bad_message(good, ("y.csv",)) == "a message without the file's name"
    assert bad_message(DataError(Problem("data.target", "one class only", "two")), ("y.csv",)) == ""
    assert bad_message(DataError("x.csv is wrong"), ("x.csv",)) == "a message without a place"
    assert bad_message(DataError("x.csv: found \x07; expected none"), ("x.csv",)).startswith("control characters")
