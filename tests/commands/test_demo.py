"""Demos run where nothing but pip packages is: no folder of data or models, no hub."""

import json

import pytest

from xmr.cli.app import execute
from xmr.commands.demo import DEMOS, load_demo
from xmr.core.registry import SOURCES
from xmr.data.public.catalog import dataset
from xmr.recipe.load import load_recipe

# The primary metric of each, and what it must reach: well above chance.
REACHED = {
    "protein": ("auroc", 0.9),
    "molecule": ("spearman", 0.6),
    "series": ("accuracy", 0.9),
    "audio": ("accuracy", 0.9),
    "image": ("accuracy", 0.9),
    "table": ("auroc", 0.95),
    "forecast": ("mse", 1.0),
}


@pytest.fixture(autouse=True)
def bare_machine(tmp_path, monkeypatch):
    for name in ("XMR_DATA", "XMR_MODELS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XMR_CACHE", str(tmp_path / "cache"))


@pytest.mark.parametrize("domain", DEMOS)
def test_data_and_source_come_in_packages(domain):
    recipe = load_demo(domain, lambda _: None)
    chosen = dataset(recipe.data.dataset)
    assert chosen.package or chosen.generated
    assert SOURCES.get(recipe.source["name"]).packaged is not None


@pytest.mark.parametrize(
    "domain", [pytest.param(name, marks=[] if name == "forecast" else pytest.mark.slow) for name in DEMOS]
)
def test_a_demo_ends_with_a_result(domain, tmp_path, capsys):
    folder = tmp_path / "demo"
    assert execute(["demo", domain, "-o", str(folder)]) == 0
    result = json.loads((folder / "metrics.json").read_text())
    metric, bound = REACHED[domain]
    assert (result["test"][metric] < bound) == (metric == "mse")
    assert (folder / "report.html").is_file()
    assert DEMOS[domain].yours in capsys.readouterr().err


@pytest.mark.parametrize(
    "name",
    [
        *("protein/custom", "dna/custom", "text/custom", "molecule/custom", "table/custom", "series/ucr"),
        *("audio/folder", "image/digits", "forecast/etth1"),
    ],
)
def test_the_source_of_each_domains_own_recipe_comes_in_a_package(name):
    """No hub and no folder of models: pip alone brings it."""
    assert SOURCES.get(load_recipe(name, []).source["name"]).packaged is not None
