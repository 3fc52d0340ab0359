"""Drafts for files that are not all right: what is wrong is named, or left out and said."""

import time
from datetime import datetime, timedelta

import numpy as np
import pytest
import soundfile
from PIL import Image

from xmr.cli.app import execute
from xmr.commands.check import estimate
from xmr.commands.new.base import Asked
from xmr.commands.new.guess import guess_season
from xmr.commands.new.new import draft
from xmr.errors import DataError, RecipeError
from xmr.recipe.load import load_recipe

ROWS = "sequence,label\nACDE,1\nCD3E,0\nDEFG,\nEFGHI,0\n"


def test_records_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "x.csv").write_text(ROWS)
    with pytest.raises(DataError, match=r"x\.csv:3: .*'3' at position 3"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", Asked())
    (tmp_path / "x.csv").write_text(ROWS.replace("CD3E", "CDE"))
    with pytest.raises(DataError, match=r"x\.csv:4: .*found no label in 'label'"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", Asked())


def test_or_left_out_and_said(tmp_path):
    (tmp_path / "x.csv").write_text(ROWS)
    made = draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", Asked(on_error="skip"))
    assert [place.rpartition(":")[2] for place, _, _ in made.skipped.rows] == ["3", "4"]
    assert made.found[0] == "2 records of x.csv: task classification (2 distinct whole numbers)"
    assert made.found[-1] == "2 records are skipped, as said (data.on_error: skip)"
    assert "  on_error: skip\n" in made.text(tmp_path / "x.yaml")
    (tmp_path / "good.csv").write_text("sequence,label\nACDE,1\nEFGHI,0\n")
    made = draft("protein", tmp_path / "good.csv", tmp_path / "x.yaml", Asked(on_error="skip"))
    assert "on_error" not in made.body["data"]


def test_nothing_left(tmp_path):
    (tmp_path / "x.csv").write_text("sequence,label\nA3,1\n")
    with pytest.raises(DataError, match="found no usable record"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", Asked(on_error="skip"))


def test_a_long_list_is_cut(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("sequence,label\nACDE,1\nEFGHI,0\n" + "A3,1\n" * 25)
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--on-error", "skip"]) == 0
    said = capsys.readouterr().out
    assert said.count("skipped: ") == 5
    assert "and 20 more (`xmr run` lists all in skipped.csv)" in said
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--on-error", "skp", "--force"]) == 2
    assert "'skp' is not one of 'fail', 'skip'; did you mean skip?" in capsys.readouterr().err


def _input(domain, folder, i):
    """The cells of record i before its labels."""
    if domain == "audio":
        soundfile.write(folder / f"{i}.wav", np.random.default_rng(i).normal(size=800) / 9, 8000)
        return f"{i}.wav"
    if domain == "image":
        Image.fromarray(np.full((8, 8, 3), 20 * i, dtype=np.uint8)).save(folder / f"{i}.png")
        return f"{i}.png"
    cells = {"series": f"{i},1,2,{i * i}", "table": f"{i}.5", "text": f"word {i}", "dna": "ACGT" * 2 + "A" * i}
    return cells.get(domain, "ACDEFGH" + "K" * i)


@pytest.mark.parametrize("domain", ["protein", "dna", "text", "table", "series", "audio", "image"])
@pytest.mark.parametrize(("cells", "task"), [(("1", "0", ""), "multilabel"), (("0.5", "2", "-1"), "regression")])
def test_several_labels(tmp_path, domain, cells, task):
    inputs = [_input(domain, tmp_path, i) for i in range(9)]
    rows = [f"{value},{cells[i % 3]},{cells[(i + i // 3) % 3]}\n" for i, value in enumerate(inputs)]
    columns = {"table": "x", "audio": "file", "image": "file", "series": "s_0,s_1,s_2,s_3"}.get(domain, "sequence")
    (tmp_path / "x.csv").write_text(f"{columns},first,second\n" + "".join(rows))
    asked = ["new", domain, str(tmp_path / "x.csv"), "--target", "first", "--target", "second"]
    assert execute(asked) == 0
    recipe = load_recipe(str(tmp_path / "x.yaml"), ["baselines=[]"])
    assert (recipe.task, recipe.data.target) == (task, ["first", "second"])


def test_several_labels_of_which_one_is_no_number(tmp_path):
    (tmp_path / "x.csv").write_text("sequence,a,b\nACDE,1,0\nCDEF,0,mild\n")
    with pytest.raises(DataError, match=r"x\.csv:3: record '3': found 'mild' in 'b'; expected with several labels 0"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", Asked(target=("a", "b")))


def _times(step, n=60):
    return [(datetime(2020, 1, 1) + i * step).isoformat(sep=" ") for i in range(n)]


@pytest.mark.parametrize(
    ("times", "season"),
    [
        (_times(timedelta(hours=1)), 24),
        (_times(timedelta(minutes=15)), 96),
        (_times(timedelta(days=1)), 7),
        (
            [day.isoformat() for i in range(80) if (day := datetime(2020, 1, 1) + i * timedelta(days=1)).weekday() < 5],
            5,
        ),
        (_times(timedelta(days=7)), 52),
        ([f"{2000 + i // 12}-{1 + i % 12:02}-01" for i in range(60)], 12),
        ([f"{2000 + i // 4}-{1 + 3 * (i % 4):02}-01" for i in range(60)], 4),
        (_times(timedelta(days=365)), 1),
        (_times(timedelta(days=2)), 1),
        ([str(i) for i in range(60)], 1),
        (["2020-01-01T00:00", "2020-01-01T01:00+00:00", "2020-01-01T02:00"], 24),
        (
            [f"{1 + i % 12}/1/{2000 + i // 12}" for i in range(60)],
            1,
        ),  # the first of a month, or the first days of January
        ([f"{i + 1}/1/2020" for i in range(30)], 7),
        ([f"{2000 + i // 12}-{1 + i % 12:02}" for i in range(60)], 12),
    ],
)
def test_a_season_by_the_step_of_time(times, season):
    assert guess_season(times)[0] == season


@pytest.mark.parametrize("rows", [50, 700])
def test_a_draft_for_a_table_over_time_can_be_run(tmp_path, rows):
    values = np.sin(np.arange(rows) / 4)
    lines = [f"{moment},{value:.3f}" for moment, value in zip(_times(timedelta(hours=1), rows), values)]
    (tmp_path / "t.csv").write_text("when,load\n" + "\n".join(lines) + "\n")
    assert execute(["new", "forecast", str(tmp_path / "t.csv"), "--input", "when"]) == 0
    recipe = load_recipe(str(tmp_path / "t.yaml"), ["source.layers=1"])
    found = dict(estimate(recipe))
    assert found["data"].startswith(f"{rows} records read")
    assert recipe.encoder["season"] == 24


def test_a_season_of_many_steps_is_found_at_once():
    begun = time.perf_counter()
    assert guess_season(_times(timedelta(hours=1), 17_420))[0] == 24
    assert time.perf_counter() - begun < 5


def test_a_table_over_time_that_is_too_short(tmp_path):
    (tmp_path / "t.csv").write_text("date,a\n2020-01-01,1\n2020-01-02,2\n")
    with pytest.raises(DataError, match="found 2 rows; expected at least 50 steps"):
        draft("forecast", tmp_path / "t.csv", tmp_path / "t.yaml", Asked())
    with pytest.raises(RecipeError, match=r"new forecast: found --on-error skip; expected no such option"):
        draft("forecast", tmp_path / "t.csv", tmp_path / "t.yaml", Asked(on_error="skip"))
    (tmp_path / "t.csv").write_text("\n")
    with pytest.raises(DataError, match=r"t\.csv:1: found an empty file; expected a table"):
        draft("forecast", tmp_path / "t.csv", tmp_path / "t.yaml", Asked())


def test_a_plugin_adds_a_domain(tmp_path, capsys, registries):
    """A domain is an encoder and a draft; both are named on the command line like the built-in ones."""
    (tmp_path / "peptides.py").write_text(
        "from xmr.commands.new.base import Draft\n"
        "from xmr.commands.new.registry import DRAFTS\n"
        "from xmr.core.registry import ENCODERS\n"
        "from xmr.encoders.protein import ProteinEncoder\n"
        "ENCODERS.add('peptide', ProteinEncoder, emits='symbols')\n"
        "DRAFTS.add('peptide', lambda sample: Draft({'task': sample.task.name, 'data': {'split': sample.split()}}, "
        "[sample.found('peptides')]))\n"
    )
    (tmp_path / "x.csv").write_text("sequence,label\nACDE,1\nEFGHI,0\n")
    plugin = ["--plugin", str(tmp_path / "peptides.py")]
    assert execute(["new", "peptide", str(tmp_path / "x.csv")]) == 2
    assert "'peptide' is not one of 'protein', 'dna'" in capsys.readouterr().err
    assert execute([*plugin, "new", "peptide", str(tmp_path / "x.csv")]) == 0
    assert "2 peptides of x.csv: task classification" in capsys.readouterr().out
    assert execute(["list", "domains"]) == 0
    assert "peptide" in capsys.readouterr().out.split()
