"""The docs are true: examples run, commands exist, generated pages are what the code says."""

import importlib.util
import re
from pathlib import Path

import pytest

from xmr.recipe.load import recipe_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs" / "make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", _reference().PAGES)
def test_generated_pages_are_up_to_date(page):
    assert (ROOT / "docs" / page).read_text() == _reference().PAGES[page](), "run: python docs/make_reference.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_python_examples_run(page, registries, monkeypatch):
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.S)
    if not blocks or page.parent.name == "notebooks":  # those are run by tests/end_to_end/test_tutorials.py
        return
    monkeypatch.chdir(ROOT)
    exec(compile("\n".join(blocks), str(page), "exec"), {"__name__": "docs"})


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_named_recipes_and_files_exist(page):
    text = page.read_text()
    if page.name == "datasets.md":  # made of paths below XMR_DATA
        return
    for name in re.findall(r"\b(?:protein|dna|text|table|paper|image|series|audio|forecast)/[a-z0-9_]+\b", text):
        assert name in recipe_names() or (ROOT / name).exists() or name.endswith("_"), f"{page.name}: {name}"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if "://" not in link:
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_every_result_names_its_study():
    for path in (ROOT / "results").rglob("*.json"):
        for study in re.findall(r"xmr study (\S+)", path.read_text()):
            assert (ROOT / study.rstrip('",')).is_file(), f"{path.name}: {study}"


@pytest.mark.parametrize("page", [page for page in PAGES if page.parent.name != "methods"], ids=lambda page: page.name)
def test_dollars_are_code(page):
    """Two of them in a text would be a formula."""
    text = re.sub(r"(?s)```.*?```|`[^`\n]*`", "", page.read_text())
    assert "$" not in text
