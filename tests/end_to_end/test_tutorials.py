"""The tutorials, the front page and the notebooks are run as they are written."""

from __future__ import annotations

import csv
import importlib.util
import os
import re
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
MAKE = DOCS / "examples" / "make_examples.py"
MOST = 5  # commands from a file to predictions


def executed(page: Path, folder: Path) -> Any:
    """What docs/run_notebooks.py makes of a notebook."""
    spec = importlib.util.spec_from_file_location("run_notebooks", DOCS / "run_notebooks.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.executed(page, folder)


def commands_of(page: Path) -> list[str]:
    """The lines of the first shell block of a page."""
    found = re.search(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
    return found[1].splitlines() if found else []


def run_in(folder: Path, command: list[str] | str, **more: str) -> str:
    """What a command prints; the shell finds this environment's `xmr` and `python`."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "200", "XMR_DATA": str(folder), **more}
    done = subprocess.run(command, shell=isinstance(command, str), cwd=folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def predictions(path: Path) -> list[dict[str, str]]:
    """The rows of a table of predictions."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted((DOCS / "tutorials").glob("*.md")), ids=lambda page: page.stem)
def test_a_tutorial_leads_from_a_file_to_predictions(page: Path, tmp_path: Path) -> None:
    run_in(tmp_path, [sys.executable, str(MAKE), page.stem])
    for command in commands_of(page):
        run_in(tmp_path, command)
    rows = predictions(tmp_path / "predictions.csv")
    assert len(rows) >= (1 if page.stem == "forecast" else 20)
    assert "unlike_training" in rows[0]


@pytest.mark.slow
def test_the_front_page_leads_a_stranger_to_predictions(tmp_path: Path) -> None:
    """In an environment of its own, into which only the first command of the page installs xmr."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    site = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "venv")})
    packages = [path for path in sys.path if path.endswith("site-packages")]  # xmr's dependencies, without xmr
    Path(site, "dependencies.pth").write_text("\n".join(packages), encoding="utf-8")
    run_in(tmp_path, [sys.executable, str(MAKE), "protein"])
    (tmp_path / "peptides.csv").rename(tmp_path / "mine.csv")
    (tmp_path / "new_peptides.fasta").rename(tmp_path / "new.fasta")
    stranger = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": "",
        "PIP_NO_DEPS": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip's way to say: not isolated
    }
    first, *others = commands_of(DOCS / "index.md")
    run_in(ROOT, first, **stranger)
    for command in others:
        run_in(tmp_path, command, **stranger)
    assert {"id", "predicted"} <= predictions(tmp_path / "predictions.csv")[0].keys()


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted((DOCS / "notebooks").glob("*.md")), ids=lambda page: page.stem)
def test_a_notebook_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("XMR_DATA", str(tmp_path))
    cells = executed(page, tmp_path).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert len(code) >= 4
    assert any("text/html" in output.get("data", {}) for cell in code for output in cell.outputs)


@pytest.mark.parametrize("page", [DOCS / "index.md", *sorted((DOCS / "tutorials").glob("*.md"))], ids=lambda p: p.stem)
def test_few_commands_are_enough(page: Path) -> None:
    commands = commands_of(page)
    assert 2 < len(commands) <= MOST
    assert commands[-1].endswith("-o predictions.csv")
