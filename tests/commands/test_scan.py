import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import tiny_vision
from xmr.cli.app import execute
from xmr.commands.scan.reference import reference_features
from xmr.commands.scan.scan import of_every_space, scan, score_source
from xmr.commands.scan.tangent import alignment, effective_rank
from xmr.errors import DataError, RecipeError
from xmr.job import load_job
from xmr.recipe.load import load_recipe

SMALL = ["data.split.test=300", "data.split.n_labelled=60", "data.split.by=random"]


def _features(job):
    return job.program.features(job.sets["train"].data)


def test_a_depth_is_the_source_cut_there():
    rows = score_source("protein/amp_random", [*SMALL, "ensemble=1", "baselines=[]"], "")
    assert [row.layers for row in rows] == [6, 5, 4, 3, 2, 1]
    whole = _features(
        load_job(load_recipe("protein/amp_random", [*SMALL, "source.feature_layers=7", "source.layers=null"]))
    )
    cut = _features(load_job(load_recipe("protein/amp_random", [*SMALL, "source.layers=2"])))
    assert np.allclose(whole[:, 4 * 384 : 5 * 384], cut, atol=1e-4)
    assert all(
        0 <= row.probe <= 1 and row.probe_error > 0 and np.isfinite(row.log_me) and row.log_me_error > 0 for row in rows
    )


def test_the_command_names_a_source_that_cannot_be_had(tmp_path, capsys):
    sources = "{name: hf_text, model: no/such-model}, {name: identity, width: 16}"
    asked = ["scan", "protein/amp_random", *SMALL, "--sources", sources, "-o", str(tmp_path)]
    assert execute(asked) == 0
    said = capsys.readouterr()
    assert "no/such-model" in said.err
    with (tmp_path / "scan.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["source"] for row in rows] == ["{name: identity, width: 16}"]
    assert len(json.loads((tmp_path / "scan.json").read_text())["failures"]) == 1
    assert execute(["scan", "protein/amp_random", *SMALL, "-o", str(tmp_path)]) == 0
    rows = json.loads((tmp_path / "scan.json").read_text())["scores"]
    assert [row["log_me"] for row in rows] == sorted((row["log_me"] for row in rows), reverse=True)
    assert execute(["scan", "protein/amp_random", "--source", "minilmm", "-o", str(tmp_path)]) == 2


@pytest.mark.parametrize("recipe", ["table/diabetes", "image/digits_minilm"])
def test_other_domains(recipe, tmp_path):
    more = ["source.layers=1"] if recipe.startswith("table") else []
    rows = score_source(recipe, ["data.split.n_labelled=80", "baselines=[]", "ensemble=1", *more], "")
    assert len(rows) == 6
    assert np.isnan(rows[0].leep) == (recipe == "table/diabetes")


def test_evidence_of_class_logits_against_features(monkeypatch):
    """Where the logits are the features, their ratio of evidence is zero; a vocabulary is too large to be compared."""
    from xmr.sources.resnet20 import ResNet20
    from xmr.testing.stand_ins import stand_in

    asked = ["data.split.n_labelled=80", "baselines=[]", "ensemble=1", "source={name: resnet20_cifar10}"]
    made = stand_in("pixel")
    monkeypatch.setattr(ResNet20, "load", lambda self, seed=0: made)
    [row] = score_source("image/digits_cifar", asked, "")
    assert np.isfinite(row.llr)
    assert row.llr != 0
    monkeypatch.setattr(type(made), "answers", lambda self, hidden: hidden)
    [row] = score_source("image/digits_cifar", asked, "")
    assert row.llr == pytest.approx(0, abs=1e-9)
    assert np.isnan(score_source("protein/amp_random", [*SMALL, "ensemble=1", "baselines=[]"], "")[0].llr)


def test_scores_that_are_not_defined_are_written_as_such(tmp_path):
    assert execute(["scan", "table/diabetes", "data.split.n_labelled=60", "-o", str(tmp_path)]) == 0
    assert json.loads((tmp_path / "scan.json").read_text())["scores"][0]["leep"] is None


def test_distance_to_the_sources_own_texts(tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text("The frozen model reads English.\n\nA protein is a chain of residues.\nIt rains in the hills.\n")
    asked = ["scan", "protein/amp_random", *SMALL, "--reference", str(texts), "-o", str(tmp_path)]
    assert execute(asked) == 0
    assert "distance" in capsys.readouterr().out
    rows = json.loads((tmp_path / "scan.json").read_text())["scores"]
    assert all(row["wasserstein"] > 0 for row in rows)
    texts.write_text("one\n")
    assert execute(asked) == 2
    assert "at least two texts" in capsys.readouterr().err


def test_features_of_references(tmp_path):
    source = tiny_vision("resnet")
    for number in range(3):
        Image.fromarray(np.full((9, 12, 3), 60 * number, np.uint8)).save(tmp_path / f"{number}.png")
    assert reference_features(source, tmp_path).shape == (3, source.hidden_width)
    with pytest.raises(DataError, match="a folder of at least two"):
        reference_features(source, Path(__file__).parents[1] / "fixtures")


@pytest.mark.parametrize(
    ("recipe", "source", "message"),
    [
        (
            "protein/secondary_structure",
            [],
            r"^task: found sequence_labeling; expected classification or regression",
        ),
        ("protein/amp", ["minilmm"], r"^scan: no source could be scored: .*did you mean minilm"),
    ],
)
def test_what_cannot_be_scored_is_said_once(tmp_path, recipe, source, message):
    said = []
    with pytest.raises(RecipeError, match=message):
        scan(recipe, [], source, tmp_path, log=said.append)
    assert len(said) == len(source)


def test_sources_of_other_spaces_get_a_transform_that_fits(tmp_path):
    vision = "{name: identity, width: 8}"
    rows = scan("series/gunpoint", [], [vision, "{name: minilm, layers: 1}", "mfcc"], tmp_path, lambda text: None)
    found = {row.source: row.transform for row in rows}
    assert found["{name: minilm, layers: 1}"] == "signal_patches"
    assert found["mfcc"] == "wave_pattern"
    assert of_every_space("protein/amp", [])[0] == "minilm"
    assert len(of_every_space("protein/amp", [])) == 2
    assert of_every_space("series/gunpoint", [])[0] == "minilm"
    assert len(of_every_space("series/gunpoint", [])) == 3


def test_rank_and_alignment_by_hand():
    assert effective_rank(5 * np.ones((3, 3))) == pytest.approx(1)  # a pattern added to the input of a linear source
    assert effective_rank(np.eye(4)) == pytest.approx(4)
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    target = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    assert alignment(target @ target.T, target) == pytest.approx(1)
    assert alignment(np.ones((4, 4)), target) == pytest.approx(0)
    assert np.isnan(effective_rank(np.zeros((2, 2))))


def test_the_tangent_kernel_of_a_recipe(tmp_path):
    asked = ["source={name: identity, width: 16}", "data.split.n_labelled=60", "ensemble=1"]
    [row] = scan("table/cancer", asked, [], tmp_path, lambda text: None, with_tangent=True)
    assert 1 < row.tangent_rank < 48
    assert 0 < row.tangent_alignment < 1
    assert json.loads((tmp_path / "scan.json").read_text())["scores"][0]["tangent_rank"] == row.tangent_rank
