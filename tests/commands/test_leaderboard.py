"""The leaderboard ranks rows, flags few seeds, and refuses what cannot be compared or was typed by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xmr.commands.study.leaderboard import CONTRIBUTED, faults, markdown

ROOT = Path(__file__).parents[2]
STUDY = """\
title: mine
recipe: protein/custom
seeds: 2
overrides: [data.path=mine.csv]
rows:
  mine: {overrides: [source.layers=1]}
  random weights: {kind: control, overrides: [source.weights=random]}
columns:
  50 labels: [data.split.n_labelled=50]
"""


def _row(kind: str, *values: float) -> dict[str, Any]:
    return {"kind": kind, "cells": {"50 labels": {"mean": sum(values) / len(values), "values": list(values)}}}


@pytest.fixture
def added(tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    """A repository with one table, and a valid row that somebody adds to it."""
    for name in ("ours", "theirs"):
        (tmp_path / f"{name}.yaml").write_text(STUDY, encoding="utf-8")
    table = {
        "title": "Peptides",
        "command": "xmr study ours.yaml",
        "seeds": 2,
        "columns": {"50 labels": "auroc"},
        "rows": {
            "program": _row("program", 0.8, 0.9),
            "kmer_forest": _row("baseline", 0.7, 0.8),
            "random weights": _row("control", 0.6, 0.6),
        },
    }
    path = tmp_path / "results" / CONTRIBUTED / "ours" / "ada.json"
    path.parent.mkdir(parents=True)
    (tmp_path / "results" / "ours.json").write_text(json.dumps(table), encoding="utf-8")
    mine = {
        **table,
        "command": "xmr study theirs.yaml",
        "rows": {"mine": _row("program", 0.9, 1.0), "random weights": _row("control", 0.5, 0.6)},
    }
    path.write_text(json.dumps(mine), encoding="utf-8")
    return path, mine


def test_a_row_is_ranked_among_the_others(added: tuple[Path, dict[str, Any]]) -> None:
    path, _ = added
    assert faults(path) == []
    line = (
        "| 50 labels (auroc) | mine (ada) 0.950 | program 0.850 | kmer_forest 0.750 | random weights 0.600 | 2 seeds, "
    )
    assert line + "ada: 2 seeds |" in markdown(path.parents[2])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"columns": {"60 labels": "auroc"}}, "column '60 labels' with auroc"),
        ({"columns": {"50 labels": "accuracy"}}, "column '50 labels' with accuracy"),
        ({"transcribed": True}, "transcribed"),
        ({"rows": {"mine": _row("program", 0.9, 1.0)}}, "no control"),
        ({"rows": {"mine": _row("program", 0.9), "c": _row("control", 0.5, 0.6)}}, "1 values"),
        ({"command": "python mine.py"}, "a study file"),
        ({"command": "xmr study nowhere.yaml"}, "no such file"),
        ({"seeds": "many"}, "seeds"),
    ],
)
def test_what_is_refused(added: tuple[Path, dict[str, Any]], change: dict[str, Any], said: str) -> None:
    path, mine = added
    path.write_text(json.dumps({**mine, **change}), encoding="utf-8")
    assert said in "\n".join(faults(path))
    assert "ada" not in markdown(path.parents[2])


def test_a_mean_that_is_not_that_of_its_values_is_refused(added: tuple[Path, dict[str, Any]]) -> None:
    path, mine = added
    mine["rows"]["mine"]["cells"]["50 labels"]["mean"] = 0.99
    path.write_text(json.dumps(mine), encoding="utf-8")
    assert "expected the mean of its values" in faults(path)[0]


def test_other_data_is_refused(added: tuple[Path, dict[str, Any]]) -> None:
    path, _ = added
    study = path.parents[3] / "theirs.yaml"
    study.write_text(STUDY.replace("[source.layers=1]", "[data.split.by=random]"), encoding="utf-8")
    assert "other data" in faults(path)[0]


def test_what_others_have_added_is_in_order() -> None:
    for path in (ROOT / "results" / CONTRIBUTED).glob("*/*.json"):
        assert not faults(path), path
