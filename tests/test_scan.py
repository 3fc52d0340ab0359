import csv
import json

import numpy as np
import pytest

from xmr.cli.app import execute
from xmr.job import load_job
from xmr.recipe.load import load_recipe
from xmr.scan import features_of, score_source

SMALL = ["data.split.test=300", "data.split.labels=60", "data.split.by=random"]


def test_a_depth_is_the_source_cut_there():
    rows = score_source("protein/amp_random", [*SMALL, "ensemble=1", "baselines=[]"], "")
    assert [row.layers for row in rows] == [6, 5, 4, 3, 2, 1]
    whole = features_of(load_job(load_recipe("protein/amp_random", [*SMALL, "source.taps=7", "source.layers=null"])))
    cut = features_of(load_job(load_recipe("protein/amp_random", [*SMALL, "source.layers=2"])))
    assert np.allclose(whole[:, 4 * 384 : 5 * 384], cut, atol=1e-4)
    assert all(0 <= row.probe <= 1 and row.error > 0 and np.isfinite(row.log_me) for row in rows)


def test_the_command_names_a_source_that_cannot_be_had(tmp_path, capsys):
    asked = ["scan", "protein/amp_random", *SMALL, "--source", "{name: language, model: no/such-model}"]
    asked += ["--source", "{name: none, width: 16}", "-o", str(tmp_path)]
    assert execute(asked) == 0
    said = capsys.readouterr()
    assert "no/such-model" in said.err
    with (tmp_path / "scan.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["source"] for row in rows] == ["{name: none, width: 16}"]
    assert len(json.loads((tmp_path / "scan.json").read_text())["failures"]) == 1
    assert execute(["scan", "protein/amp_random", "--source", "minilmm", "-o", str(tmp_path)]) == 2


@pytest.mark.parametrize("recipe", ["table/diabetes", "image/digits_minilm"])
def test_other_domains(recipe, tmp_path):
    more = ["source.layers=1"] if recipe.startswith("table") else []
    rows = score_source(recipe, ["data.split.labels=80", "baselines=[]", "ensemble=1", *more], "")
    assert len(rows) == 6
    assert np.isnan(rows[0].leep) == (recipe == "table/diabetes")
