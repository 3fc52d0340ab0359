"""`estimate`: what a recipe would take, also where its public data set is not here."""

import importlib.util

import pytest

from tests.test_job import write
from xmr.cli.app import execute
from xmr.commands.check import estimate
from xmr.errors import DataError
from xmr.recipe.load import load_recipe


@pytest.fixture(autouse=True)
def no_data(monkeypatch, tmp_path):
    monkeypatch.setenv("XMR_DATA", str(tmp_path))
    monkeypatch.setenv("XMR_CACHE", str(tmp_path))


def test_a_forecast_without_its_table_is_shown_by_examples():
    found = dict(estimate(load_recipe("forecast/etth1", ["source.layers=1"])))
    assert "synthetic" in found["data"]
    assert found["target logits"].startswith("(1, 64, 96)")
    assert "one step" in found
    assert not {"one epoch", "training", "test"} & set(found), "of records that are not known"


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.dataset=amp_vs_uniprt"], "did you mean amp_vs_uniprot"),
        (["data.split.n_labelled=100000"], "expected at least 100000"),
    ],
)
def test_what_is_wrong_with_the_data_is_an_error(overrides, message):
    """Before, it was said in passing and shapes of synthetic records followed, as if all were well."""
    with pytest.raises(DataError, match=message):
        dict(estimate(load_recipe("protein/amp", overrides)))


def test_all_that_is_missing_is_said_before_anything_else(monkeypatch, tmp_path, capsys):
    """A source without its weights, a data set that is not here, and a baseline without its package: one call."""
    monkeypatch.delenv("XMR_MODELS", raising=False)
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "aeon" else real(name, *more))
    source = "source={name: keyword_cnn}"
    asked = ["check", "audio/spoken_digits", source, "baselines=[majority, minirocket]"]
    assert execute(asked) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == ["recipe", "source", "data", "baseline"]
    assert "`xmr source get keyword_cnn` brings it" in said[1]
    assert "xmr data get" in said[2]
    assert "needs the package aeon, which is not installed: pip install 'xmr[series]'" in said[3]


def test_data_is_read_although_the_source_is_missing(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("XMR_MODELS", raising=False)
    write(tmp_path)
    asked = ["check", str(tmp_path / "r.yaml"), "source={name: hf_text, model: not/here}"]
    assert execute(asked) == 0
    said = capsys.readouterr().out
    assert "not loaded here" in said
    assert "not read" not in said
    assert execute([*asked, f"data.path={tmp_path / 'gone.csv'}"]) == 0
    assert "no such file" in capsys.readouterr().out
