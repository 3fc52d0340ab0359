"""Predicting single clips and images, several files, with headers and inputs, and records unlike the training data."""

import csv
import json
import shutil

import numpy as np
import pytest

from tests.commands.test_leaks import AUDIO
from xmr.cli.app import execute
from xmr.commands.prediction_table import UNLIKE, is_prediction_header
from xmr.commands.run import run
from xmr.core.files import json_sha256
from xmr.core.novelty import Novelty, View
from xmr.errors import ProgramError
from xmr.program import Program
from xmr.recipe.load import load_recipe

RECIPE = """task: classification
data: {{path: {path}, split: {{by: random, test: 20, validation: 0}}}}
encoder: {{name: {encoder}}}
source: {{name: identity, width: 32}}
transform: {{name: {transform}}}
output: {{name: ridge}}
training: {{epochs: 1, precision: full}}
baselines: []
"""
LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def peptides(n, seed=0, low=10, high=30):
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(LETTERS), rng.integers(low, high))) for _ in range(n)]


def rows_of(path):
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A program trained on random peptides of 10 to 29 residues."""
    place = tmp_path_factory.mktemp("peptides")
    lines = [f"p{i},{text},{'ab'[i % 2]}" for i, text in enumerate(peptides(220))]
    (place / "x.csv").write_text("\n".join(["id,sequence,label", *lines]) + "\n")
    made = RECIPE.format(path=place / "x.csv", encoder="protein", transform="free_embedding")
    (place / "r.yaml").write_text(made)
    run(load_recipe(place / "r.yaml"), place / "out", device="cpu")
    return place / "out"


def test_records_unlike_the_training_data_are_flagged_and_ordinary_ones_are_not(folder, tmp_path, capsys):
    odd = {"long": "".join(peptides(1, 1, 200, 201)), "poly": "W" * 20, "short": "ACD"}
    texts = {**{f"n{i}": text for i, text in enumerate(peptides(500, 7))}, **odd}
    (tmp_path / "x.fasta").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()))
    assert execute(["predict", str(folder), str(tmp_path / "x.fasta"), "-o", str(tmp_path / "p.csv")]) == 0
    rows = {row["id"]: row[UNLIKE] for row in rows_of(tmp_path / "p.csv")}
    assert rows["long"].startswith("the length 200 (training 10 to 29)")
    assert rows["short"].startswith("the length 3 (training 10 to 29)")
    assert "composition (distance" in rows["poly"]
    flagged = sum(bool(rows[f"n{i}"]) for i in range(500))
    assert flagged <= 15  # 0.5 % of each view are expected
    said = capsys.readouterr().err
    assert f"{flagged + 3} of 503 records are unlike the training data (column unlike_training)" in said
    assert execute(["predict", str(folder), str(tmp_path / "x.fasta"), "-o", str(tmp_path / "p.csv")]) == 0  # its own


def test_the_statistics_survive_saving_and_a_changed_width_is_refused(folder, tmp_path):
    known = Program.load(folder).novelty
    assert known.ranges == {"the length": (10.0, 29.0)}
    assert set(known.views) == {"composition", "features"}
    known.views["composition"] = View(np.zeros(3), np.ones(3), 1.0)
    with pytest.raises(ProgramError, match="composition: found vectors of 27 numbers; expected 3"):
        known.reasons({}, {"composition": np.zeros((2, 27))}, 2)
    shutil.copytree(folder / "program", tmp_path / "program")
    facts = json.loads((tmp_path / "program" / "program.json").read_text())
    assert facts["training"]["ranges"] == {"the length": [10.0, 29.0]}
    assert sum(path.stat().st_size for path in (tmp_path / "program").iterdir()) < 40_000


def test_the_distance_by_hand():
    values = np.array([[0.0, 10.0], [2.0, 30.0]] * 20)
    view = View.fit(values)
    std = np.sqrt(40 / 39)  # of 0 and 2 around 1
    assert np.allclose(view.std, [std, 10 * std])
    assert np.allclose(view.distance(np.array([[1.0, 20.0], [1 + 2 * std, 20.0]])), [0, 2])
    assert view.limit == pytest.approx(39 / 40 * (40 / 39) ** 2)
    assert Novelty.fit({"the length": np.ones(29)}, {}) is None
    assert Novelty.fit({}, {}) is None


def test_header_and_input_are_kept_on_request(folder, tmp_path):
    (tmp_path / "x.fasta").write_text(">s1 a protein, of note\nACDEFGHIKL\n>s2\nacdefghikl\n")
    asked = ["predict", str(folder), str(tmp_path / "x.fasta"), "-o", str(tmp_path / "p.csv"), "--keep"]
    assert execute(asked) == 0
    rows = rows_of(tmp_path / "p.csv")
    assert [row["id"] for row in rows] == ["s1", "s2"]
    assert [row["header"] for row in rows] == ["s1 a protein, of note", "s2"]
    assert [row["input"] for row in rows] == ["ACDEFGHIKL", "acdefghikl"]
    assert is_prediction_header([*rows[0]])
    assert execute(asked[:-1]) == 0  # replaced without --force, as a prediction
    assert "input" not in rows_of(tmp_path / "p.csv")[0]


def test_the_cells_of_a_table_are_kept_by_column(tmp_path):
    rng = np.random.default_rng(0)
    lines = [f"{rng.standard_normal():.3f},{'ns'[i % 2]},{'ab'[i % 2]}" for i in range(80)]
    (tmp_path / "x.csv").write_text("\n".join(["age,town,label", *lines]) + "\n")
    made = RECIPE.format(path=tmp_path / "x.csv", encoder="table", transform="feature_tokens")
    (tmp_path / "r.yaml").write_text(made)
    run(load_recipe(tmp_path / "r.yaml"), tmp_path / "out", device="cpu")
    (tmp_path / "new.csv").write_text("town,age\nn,0.5\ns,-1.25\n")
    assert execute(["predict", str(tmp_path / "out"), str(tmp_path / "new.csv"), "--keep"]) == 0
    rows = rows_of(tmp_path / "new.csv.predictions.csv")
    assert [(row["input[age]"], row["input[town]"]) for row in rows] == [("0.5", "n"), ("-1.25", "s")]


def test_several_files_are_predicted_as_one(folder, tmp_path, capsys):
    for name, texts in (("a.fasta", peptides(3)), ("b.fasta", peptides(4, 1))):
        (tmp_path / name).write_text("".join(f">{name[0]}{i}\n{text}\n" for i, text in enumerate(texts)))
    both = [str(tmp_path / "a.fasta"), str(tmp_path / "b.fasta")]
    assert execute(["predict", str(folder), *both, "-o", str(tmp_path / "p.csv")]) == 0
    rows = rows_of(tmp_path / "p.csv")
    assert [row["id"] for row in rows] == ["a0", "a1", "a2", "b0", "b1", "b2", "b3"]
    assert execute(["predict", str(folder), both[1], "-o", str(tmp_path / "one.csv")]) == 0
    assert rows_of(tmp_path / "one.csv")[0]["p[a]"] == pytest.approx(rows[3]["p[a]"])
    assert execute(["predict", str(folder), both[0], str(tmp_path / "none.fasta")]) == 2
    assert execute(["predict", str(folder), *both, "-o", both[1], "--force"]) == 2
    assert "the input itself as the output" in capsys.readouterr().err


def test_single_clips_and_images_are_predicted(tmp_path, capsys):
    soundfile, pillow = pytest.importorskip("soundfile"), pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "clips" / label).mkdir(parents=True)
        (tmp_path / "images" / label).mkdir(parents=True)
        for i in range(40):
            soundfile.write(tmp_path / "clips" / label / f"{i}.wav", 0.1 * rng.standard_normal(2000), 8000)
            image = pillow.fromarray(rng.integers(0, 255, (12, 12, 3)).astype(np.uint8))
            image.save(tmp_path / "images" / label / f"{i}.png")
    image_recipe = AUDIO.replace("audio, seconds: 0.25, rate: 8000", "image, size: 12")
    image_recipe = image_recipe.replace("signal_patches", "patch_projection, patch: 4")
    for kind, recipe, suffix in (("clips", AUDIO, "wav"), ("images", image_recipe, "png")):
        (tmp_path / "r.yaml").write_text(recipe.format(path=tmp_path / kind))
        out = tmp_path / f"out-{kind}"
        run(load_recipe(tmp_path / "r.yaml"), out, device="cpu")
        one, other = tmp_path / kind / "a" / f"3.{suffix}", tmp_path / kind / "b" / f"5.{suffix}"
        assert execute(["predict", str(out), str(one), "-o", str(tmp_path / "one.csv"), "--force"]) == 0
        (row,) = rows_of(tmp_path / "one.csv")
        assert row["id"] == f"3.{suffix}"
        assert execute(["predict", str(out), str(one), str(other), "-o", str(tmp_path / "two.csv"), "--force"]) == 0
        two = rows_of(tmp_path / "two.csv")
        assert [each["id"] for each in two] == [f"a/3.{suffix}", f"b/5.{suffix}"]
        assert two[0]["p[a]"] == row["p[a]"]
    capsys.readouterr()
    soundfile.write(tmp_path / "slow.wav", 0.1 * rng.standard_normal(500), 2000)
    (tmp_path / "slow.txt").write_text("no sound")
    assert execute(["predict", str(tmp_path / "out-clips"), str(tmp_path / "slow.wav")]) == 0
    (row,) = rows_of(tmp_path / "slow.wav.predictions.csv")
    assert "the sample rate 2000 (training 8000 to 8000)" in row[UNLIKE]
    assert execute(["predict", str(tmp_path / "out-clips"), str(tmp_path / "slow.md")]) == 2
    shutil.copy(tmp_path / "slow.txt", tmp_path / "slow.mp3")
    assert execute(["predict", str(tmp_path / "out-clips"), str(tmp_path / "slow.mp3")]) == 2
    assert "found a file that is no sound" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"ranges": {"the length": [1.0]}},
        {"ranges": {"the length": "ab"}},
        {"limits": {"composition": 1.0, "features": "x"}},
        {"limits": {"features": 1.0}},
        {"limits": {"composition": 1.0, "features": 1.0, "other": 1.0}},
        {"ranges": None},
    ],
)
def test_statistics_that_do_not_fit_are_refused(folder, tmp_path, change):
    """Whoever changes them brings the checksums up to date: what is behind the checksums must hold as well."""
    place = tmp_path / "program"
    shutil.copytree(folder / "program", place)
    facts = json.loads((place / "program.json").read_text())
    facts["training"] |= change
    sums = facts.pop("sha256")
    sums["program.json"] = json_sha256(facts)
    (place / "program.json").write_text(json.dumps({**facts, "sha256": sums}))
    with pytest.raises(ProgramError, match="settings that do not fit together"):
        Program.load(place)
