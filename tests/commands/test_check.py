"""`estimate`: what a recipe would take, also where its public data set is not here."""

import pytest

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
