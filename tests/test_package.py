"""The wheel holds its recipes; older program folders keep loading; nothing imports upwards."""

import ast
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import typer
from ruamel.yaml import YAML

import xmr
from xmr.cli.app import app
from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.errors import XmrWarning
from xmr.program import Program

ROOT = Path(__file__).parents[1]
LAYERS = [
    {"errors"},
    {"core"},
    {"data"},
    {"metrics"},
    {"tasks"},
    {"prepare"},
    {"encoders", "transforms", "sources", "outputs"},
    {"program", "program_folder"},
    {"training"},
    {"baselines", "recipe"},
    {"report", "testing"},
    {"job", "commands"},
    {"estimators"},
    {"cli"},
]


def test_a_wheel_brings_the_recipes(tmp_path):
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(ROOT)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    wheel = next(tmp_path.glob("xmr-*.whl"))
    target = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(target)
    code = (
        "import xmr, sys; from xmr.recipe.load import load_recipe, recipe_names;"
        "assert xmr.__file__.startswith(sys.path[0]), xmr.__file__; assert load_recipe('protein/amp').seed == 0;"
        "print(len(recipe_names()))"
    )
    run = f"import sys; sys.path.insert(0, {str(target)!r}); {code}"
    done = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert int(done.stdout) == len(list((ROOT / "recipes").rglob("*.yaml")))


def test_program_folder_of_version_1_keeps_loading():
    folder = ROOT / "tests" / "fixtures" / "program_v1"
    with pytest.warns(XmrWarning, match="without checksums"):
        program = Program.load(folder)
    records = read_all(ROOT / "docs" / "examples" / "peptides.fasta", Columns(need_target=False), "fail", Skipped())
    expected = json.loads((folder.parent / "program_v1_answers.json").read_text())
    assert np.allclose(program.predict(records).values, expected, atol=1e-3)


def test_nothing_imports_upwards():
    level = {name: number for number, names in enumerate(LAYERS) for name in names}
    lazy_upwards = {("program", "program_folder"), ("program", "report")}
    for path in (ROOT / "xmr").rglob("*.py"):
        parts = path.relative_to(ROOT / "xmr").with_suffix("").parts
        own = parts[0]
        if own in ("__init__", "__main__"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("xmr."):
                other = node.module.split(".")[1]
                if (own, other) not in lazy_upwards:
                    assert level[other] <= level[own], f"{path.name} imports {node.module}"


def test_folders_know_few_others():
    """Arrows from one folder, or file at the root, to another."""
    arrows = set()
    for path in (ROOT / "xmr").rglob("*.py"):
        own = path.relative_to(ROOT / "xmr").with_suffix("").parts[0]
        imports = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.ImportFrom)]
        modules = [node.module for node in imports if node.module and node.module.startswith("xmr.")]
        arrows |= {(own, module.split(".")[1]) for module in modules} - {(own, own)}
    arrows = {arrow for arrow in arrows if not arrow[0].startswith("__")}
    assert len(arrows) <= 110, sorted(arrows)


def test_a_command_is_where_its_name_says():
    """`xmr NAME` is what xmr/commands/NAME.py, or the folder xmr/commands/NAME/, does."""
    for command in [*typer.main.get_command(app).commands]:
        name = command.replace("-", "_")
        place = ROOT / "xmr" / "commands" / name
        assert place.with_suffix(".py").is_file() or (place / f"{name}.py").is_file(), command


def test_the_docs_show_these_layers():
    """The rows of the first table of docs/architecture.md are `LAYERS`."""
    text = (ROOT / "docs" / "architecture.md").read_text().split("\n\n## ")[0]
    rows = [row.split("|")[1] for row in text.splitlines() if row.startswith("| `")]
    assert [set(re.findall(r"`(\w+)(?:/|\.py)`", row)) for row in rows] == LAYERS


def test_nothing_unsafe_in_the_sources():
    for path in (ROOT / "xmr").rglob("*.py"):
        text = path.read_text().replace('torch.load(path, map_location="cpu", weights_only=True)', "")
        for word in ("import pickle", "torch.load(", "yaml.load(open", "eval(", "exec("):
            found = text.replace(".eval(", "").replace("_eval(", "").replace("exec_module(", "")
            assert word not in found, f"{path}: {word}"


def test_all_files_name_the_same_version():
    texts = {name: (ROOT / name).read_text() for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md")}
    assert f'\nversion = "{xmr.__version__}"' in texts["pyproject.toml"]
    assert f"\nversion: {xmr.__version__}\n" in texts["CITATION.cff"]
    assert f"\n## {xmr.__version__}\n" in texts["CHANGELOG.md"]


def test_files_of_services_are_valid():
    for path in [*(ROOT / ".github").rglob("*.yml"), ROOT / "CITATION.cff", ROOT / ".pre-commit-config.yaml"]:
        assert YAML(typ="safe").load(path.read_text()), path
    for line in re.findall(r"^COPY (.*) \S+$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE):
        assert all((ROOT / name).exists() for name in line.split())
