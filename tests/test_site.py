"""The documentation site builds without a warning, and its pages lead to each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import xmr
import xmr.estimators
from xmr.core.registry import OUTPUTS, TRANSFORMS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


class Page(HTMLParser):
    """What a page of the site holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.anchors: set[str] = set()
        self.targets: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.add(tag)
        self.anchors |= {given[key] or "" for key in ("id", "name") if key in given}
        self.targets += [given[key] or "" for key in ("href", "src") if key in given]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Page]:
    """The pages, by file."""
    folder = tmp_path_factory.mktemp("site")
    shutil.rmtree(DOCS / "api", ignore_errors=True)
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "cache"), "docs"]
    done = subprocess.run([*build, str(folder / "html")], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {path: Page(path.read_text(encoding="utf-8")) for path in (folder / "html").rglob("*.html")}


@pytest.mark.slow
def test_pages_have_a_title_and_a_tree_and_no_broken_link(site: dict[Path, Page]) -> None:
    broken = []
    for path, page in site.items():
        assert {"title", "aside"} <= page.tags, path  # the aside is the tree of pages
        for target in page.targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = site[file].anchors if file in site else {""}
            if not file.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                broken.append(f"{path.name}: {target}")
    assert not broken


@pytest.mark.slow
def test_every_page_is_reached_from_the_front_page(site: dict[Path, Page]) -> None:
    start = next(path for path in site if path.name == "index.html" and path.parent.name == "html")
    reached, todo = {start}, [start]
    while todo:
        path = todo.pop()
        links = {(path.parent / unquote(urlsplit(target).path)).resolve() for target in site[path].targets}
        new = (links & site.keys()) - reached
        reached |= new
        todo += new
    assert site.keys() == reached, site.keys() - reached


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: dict[Path, Page]) -> None:
    """Scripts, styles and images come with the site: it can be read without a network."""
    for path in site:
        text = path.read_text(encoding="utf-8")
        for word in ('src="http', 'rel="stylesheet" href="http', "url(http"):
            assert word not in text, f"{path}: {word}"


def test_the_python_pages_hold_every_public_name() -> None:
    text = (DOCS / "api.rst").read_text(encoding="utf-8")
    missing = [name for name in [*xmr.__all__, *xmr.estimators.__all__] if f".{name}\n" not in text]
    assert missing == ["__version__"]


def test_every_method_has_its_page() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in (DOCS / "methods").glob("*.md"))
    methods = [f"{registry.kind} {entry.name}" for registry in (TRANSFORMS, OUTPUTS) for entry in registry]
    assert sorted(re.findall(r"<!-- method: (.*?) -->", text)) == sorted(methods)
