"""Full and read-only disks: one message that names the place, status 2, and with room again the right result."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.faults.conftest import ENVIRONMENT, one_message, remounted, xmr

NOBODY = 65534


@pytest.mark.slow
def test_a_full_disk_while_predicting(tiny, tmp_path, small_disk):
    asked = ("predict", tiny.run, tiny.home / "many.csv", "-o")
    full = xmr(*asked, small_disk / "out.csv")
    assert full.returncode == 2, full.stderr
    assert "out.csv" in one_message(full.stderr)
    assert not (small_disk / "out.csv").exists()
    remounted(small_disk, "size=16m")
    assert xmr(*asked, small_disk / "out.csv").returncode == 0
    assert xmr(*asked, tmp_path / "out.csv").returncode == 0
    assert (small_disk / "out.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()
    assert [path.name for path in small_disk.iterdir() if path.suffix in (".part", ".json")] == []


@pytest.mark.slow
def test_a_full_disk_while_training(tiny, small_disk):
    asked = ("run", tiny.home / "r0.yaml", "--quiet", "--device", "cpu", "-o", small_disk / "run")
    full = xmr(*asked)
    assert full.returncode == 2, full.stderr
    assert str(small_disk) in one_message(full.stderr)
    remounted(small_disk, "size=32m")
    done = xmr(*asked, "--resume")
    assert done.returncode == 0, done.stderr
    for name in ("predictions.csv", "history.csv", "program/program.safetensors"):
        assert (small_disk / "run" / name).read_bytes() == (tiny.run / name).read_bytes(), name


@pytest.mark.slow
def test_a_read_only_disk(tiny, small_disk):
    remounted(small_disk, "ro")
    for asked in (
        ("predict", tiny.run, tiny.home / "x.csv", "-o", small_disk / "out.csv"),
        ("run", tiny.home / "r0.yaml", "--quiet", "-o", small_disk / "run"),
        ("new", "protein", tiny.home / "x.csv", "-o", small_disk / "r.yaml"),
    ):
        done = xmr(*asked)
        assert done.returncode == 2, done.stderr
        assert str(small_disk) in one_message(done.stderr)


@pytest.mark.slow
def test_a_read_only_home(tiny, tmp_path, small_disk):
    remounted(small_disk, "ro")
    home = {"HOME": str(small_disk), "XDG_CACHE_HOME": str(small_disk / "cache"), "MPLCONFIGDIR": ""}
    done = xmr("run", tiny.home / "r0.yaml", "--quiet", "--device", "cpu", "-o", tmp_path / "run", **home)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert (tmp_path / "run" / "predictions.csv").read_bytes() == (tiny.run / "predictions.csv").read_bytes()
    assert xmr("doctor", **home).returncode in (0, 2)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become a user without rights")
def test_a_user_without_rights(tiny, tmp_path_factory):
    """A folder of root's is refused, unreadable input too; with an unwritable home everything else works."""
    base = tmp_path_factory.mktemp("rights")
    for above in (base, *base.parents):
        if above.stat().st_mode & 0o005 != 0o005 and above.is_relative_to("/tmp"):
            above.chmod(0o755)
    mine, closed, secret = base / "mine", base / "closed", base / "secret.csv"
    mine.mkdir()
    mine.chmod(0o777)
    closed.mkdir(mode=0o755)
    secret.write_bytes((tiny.home / "x.csv").read_bytes())
    secret.chmod(0o600)
    open_input, recipe = base / "x.csv", base / "r.yaml"
    open_input.write_bytes((tiny.home / "x.csv").read_bytes())
    recipe.write_text((tiny.home / "r0.yaml").read_text().replace(str(tiny.home / "x.csv"), str(open_input)))
    subprocess.run(["cp", "-r", tiny.run, base / "run"], check=True)
    subprocess.run(["chmod", "-R", "a+rX", base / "run"], check=True)
    works = [
        ["predict", base / "run", open_input, "-o", mine / "out.csv"],
        ["run", recipe, "--quiet", "--device", "cpu", "-o", mine / "run"],
    ]
    refused = [
        (["predict", base / "run", open_input, "-o", closed / "out.csv"], "closed"),
        (["run", recipe, "--quiet", "--device", "cpu", "-o", closed / "run"], "closed"),
        (["predict", base / "run", secret, "-o", mine / "other.csv"], "secret.csv"),
        (["run", recipe, f"data.path={secret}", "--quiet", "-o", mine / "third"], "secret.csv"),
    ]
    commands = json.dumps([[str(part) for part in command] for command in (*works, *(one for one, _ in refused))])
    asked = [sys.executable, "-m", "tests.faults.dropped", str(NOBODY), commands]
    done = subprocess.run(asked, capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    for (status, said), command in zip(found[:2], works):
        assert status == 0, f"{command}: {said}"
    for (status, said), (command, name) in zip(found[2:], refused):
        assert status == 2, f"{command}: {said}"
        assert name in one_message(said)
    assert xmr("predict", tiny.run, tiny.home / "x.csv", "-o", base / "by_root.csv").returncode == 0
    assert (mine / "out.csv").read_bytes() == (base / "by_root.csv").read_bytes()
    assert (mine / "run" / "predictions.csv").read_bytes() == (tiny.run / "predictions.csv").read_bytes()
