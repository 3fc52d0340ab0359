"""Drafts for files that are not all right: what is wrong is named, or left out and said."""

import pytest

from xmr.cli.app import execute
from xmr.data.records import Skipped
from xmr.errors import DataError
from xmr.recipe.draft import draft

ROWS = "sequence,label\nACDE,1\nCD3E,0\nDEFG,\nEFGHI,0\n"


def test_records_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "x.csv").write_text(ROWS)
    with pytest.raises(DataError, match=r"x\.csv:3: .*'3' at position 3"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", None, None, "fail", Skipped())
    (tmp_path / "x.csv").write_text(ROWS.replace("CD3E", "CDE"))
    with pytest.raises(DataError, match=r"x\.csv:4: .*found no label in 'label'"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", None, None, "fail", Skipped())


def test_or_left_out_and_said(tmp_path):
    (tmp_path / "x.csv").write_text(ROWS)
    skipped = Skipped()
    made = draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", None, None, "skip", skipped)
    assert [place.rpartition(":")[2] for place, _, _ in skipped.rows] == ["3", "4"]
    assert made.found == [
        "2 records of x.csv: task classification (2 distinct whole numbers)",
        "2 others cannot be read and are left out (data.on_bad: skip)",
    ]
    assert "  on_bad: skip\n" in made.text(tmp_path / "x.yaml")
    (tmp_path / "good.csv").write_text("sequence,label\nACDE,1\nEFGHI,0\n")
    made = draft("protein", tmp_path / "good.csv", tmp_path / "x.yaml", None, None, "skip", Skipped())
    assert "on_bad" not in made.body["data"]


def test_nothing_left(tmp_path):
    (tmp_path / "x.csv").write_text("sequence,label\nA3,1\n")
    with pytest.raises(DataError, match="found no usable record"):
        draft("protein", tmp_path / "x.csv", tmp_path / "x.yaml", None, None, "skip", Skipped())


def test_a_long_list_is_cut(tmp_path, capsys):
    (tmp_path / "x.csv").write_text("sequence,label\nACDE,1\nEFGHI,0\n" + "A3,1\n" * 25)
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--on-bad", "skip"]) == 0
    said = capsys.readouterr().out
    assert said.count("left out: ") == 20
    assert "and 5 more (`xmr run` lists all in skipped.csv)" in said
    assert execute(["new", "protein", str(tmp_path / "x.csv"), "--on-bad", "skp", "--force"]) == 2
    assert "expected one of fail, skip; did you mean skip?" in capsys.readouterr().err
