"""`xmr papers`: every system has a recipe that loads, or a reason; no cell is empty."""

import json

import pytest

from xmr.cli.app import execute
from xmr.commands import papers as command
from xmr.commands.papers import Measured, Paper, papers
from xmr.commands.study.result import Cell, Result, ResultRow
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe

SURVEY = (
    "1806.11146",
    "1809.01829",
    "2007.08714",
    "2301.02120",
    "86362-3_1",
    "2201.02692",
    "distill.pub",
    "2101.00121",
)
SURVEY += ("2106.09296", "2110.03894", "3459637.3482053", "2102.07325")


def test_every_use_case_of_the_survey_has_a_row():
    references = " ".join(paper.reference for paper in papers())
    assert not [each for each in SURVEY if each not in references]


@pytest.mark.parametrize("paper", papers(), ids=lambda paper: paper.name)
def test_a_row_has_a_recipe_that_loads_or_a_reason(paper):
    assert bool(paper.decision) != bool(paper.why)
    assert all(text.strip() for text in paper.cells().values())
    if paper.recipe:
        name, *overrides = paper.recipe.split()
        load_recipe(name, overrides)
    if paper.state == "measured":
        assert "not run" not in paper.cells()["ours"]


def result(ours, random, probe, forest):
    rows = {"program": ("program", ours), "random weights": ("control", random)}
    rows |= {"linear_probe": ("baseline", probe), "forest": ("baseline", forest)}
    cells = {name: ResultRow(kind=kind, cells={"all": Cell(mean=x, std=0.01)}) for name, (kind, x) in rows.items()}
    return Result(title="t", command="xmr study x", seeds=5, columns={"all": "accuracy"}, rows=cells)


def test_the_verdict_says_what_was_reproduced(monkeypatch):
    monkeypatch.setattr(command, "_result", lambda name: result(0.88, 0.7, 0.9, 0.85))
    place = Measured(name="x", row="program", column="all")
    same = {
        "name": "n",
        "reference": "r",
        "source": "s",
        "target": "t",
        "tags": ("input", "fixed", "additive", "linear"),
    }
    reproduced = Paper(**same, result=place, why="w", published_value=0.895)
    assert reproduced.cells()["verdict"] == "reproduced"  # 0.88 is within two standard deviations of 0.895
    assert reproduced.cells()["best baseline"] == "forest 0.850 ± 0.010"
    assert reproduced.cells()["random source"] == "0.700 ± 0.010"
    missed = Paper(**same, result=place, why="w", published_value=0.95)
    assert missed.cells()["verdict"] == "not reproduced: w"
    other = Paper(**same, result=place, why="w")
    assert other.cells()["verdict"] == (
        "cannot be: w; the figure here is better than the random source and the best baseline, "
        "not better than the linear probe"
    )


def test_the_command(capsys):
    assert execute(["papers"]) == 0
    assert "Voice2Series" in capsys.readouterr().out.replace("\n", "")
    assert execute(["papers", "voice2series"]) == 0
    assert "19 of 30" in capsys.readouterr().out
    assert execute(["papers", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(papers())
    with pytest.raises(RecipeError, match="did you mean BLM"):
        command.chosen("BLMM")
