"""`xmr suggest`, `xmr evaluate --decoys shuffle` and `--unlike`: figures by hand, and the commands on a small run."""

import csv
import json

import numpy as np
import pytest

from tests.test_job import write
from xmr.cli.app import execute
from xmr.commands.decoys import ranked_above
from xmr.commands.run import run
from xmr.commands.suggest import spread_out, value_and_spread
from xmr.commands.unlike import out_of_distribution
from xmr.tasks.classification import Classification
from xmr.tasks.regression import Regression


def test_ranks_against_decoys_by_hand():
    found = ranked_above(np.array([0.9, 0.5]), np.array([[0.1, 0.95], [0.5, 0.2]]))
    assert found.tolist() == [0.5, 0.75]


def test_confidence_in_other_records_by_hand():
    """In (.9, .8), out (.7, .85): AUROC 3/4; the threshold .8 keeps both and lets one of two others through."""
    assert out_of_distribution(np.array([0.9, 0.8]), np.array([0.7, 0.85])) == {"n": 2, "auroc": 0.75, "fpr95": 0.5}


def test_value_and_spread_by_hand():
    two = Classification(("no", "yes"), "label", positive="no")
    each = np.array([[[0.2, 0.8]], [[0.4, 0.6]]])
    value, spread = value_and_spread(each, two)
    assert value.tolist() == pytest.approx([0.3])
    assert spread.tolist() == pytest.approx([0.1 * 2**0.5])
    value, spread = value_and_spread(each[:1], two)
    assert spread.tolist() == pytest.approx([0.16])
    sure = two.combining("entropy")  # of (1, 0) and (.5, .5), the second weighs nothing
    assert value_and_spread(np.array([[[1.0, 0.0]], [[0.5, 0.5]]]), sure)[0].tolist() == pytest.approx([1.0])
    assert value_and_spread(np.array([[[1.5]]]), Regression(("y",), "y"))[1] is None


def test_records_far_from_each_other_by_hand():
    points = np.array([[0.0], [0.1], [5.0], [2.0]])
    assert spread_out(points, 3) == [0, 2, 3]
    assert sorted(spread_out(points, 9)) == [0, 1, 2, 3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("suggest")
    recipe = write(place)
    run(recipe.model_copy(update={"baselines": []}), place / "out", device="cpu")
    return place


def test_the_command_writes_the_next_batch(folder, capsys):
    rng = np.random.default_rng(0)
    pool = folder / "pool.csv"
    pool.write_text("\n".join(["sequence", *("".join(rng.choice([*"WKA"], 8)) for _ in range(60))]))
    out = folder / "next.csv"
    assert execute(["suggest", str(folder / "out"), str(pool), "--n", "7", "-o", str(out)]) == 0
    rows = list(csv.DictReader(out.open()))
    assert len({row["id"] for row in rows}) == 7
    assert all(float(row["spread"]) == float(row["score"]) for row in rows)
    assert "7 records" in capsys.readouterr().err
    assert execute(["suggest", str(folder / "out"), str(pool), "--by", "best", "--n", "3", "-o", str(out)]) == 0
    values = [float(row["value"]) for row in csv.DictReader(out.open())]
    assert max(values) == values[0]


def test_evaluate_with_decoys_and_other_records(folder, capsys):
    rows = ["sequence,label", *(f"{'W' * k}{'K' * (9 - k)},a" for k in range(1, 8)), "KKKKWWWA,b"]
    path, other = folder / "labelled.csv", folder / "other.csv"
    path.write_text("\n".join(rows))
    other.write_text("sequence\nGGGGGGGG\nPPPPPPGG\n")
    command = ["evaluate", str(folder / "out"), str(path), "--decoys", "shuffle", "--unlike", str(other)]
    assert execute(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["decoys"]["n"] in (1, 7)
    assert 0 <= found["decoys"]["interval"][0] <= found["decoys"]["ranked_above"] <= found["decoys"]["interval"][1] <= 1
    assert found["unlike"]["n"] == 2
    assert 0 <= found["unlike"]["auroc"] <= 1
