"""One file adds a kind of data with its encoder, transform, metric, baseline and draft, without a change to xmr."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from xmr.baselines.registry import BASELINES
from xmr.cli.app import execute
from xmr.commands.new.registry import DRAFTS
from xmr.core.component import package_of
from xmr.core.registry import ENCODERS, TRANSFORMS, grid, load_plugin
from xmr.metrics.registry import METRICS
from xmr.program import Program

PLUGIN = Path(__file__).parent / "graphs.py"


pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture
def graphs():
    load_plugin(PLUGIN)
    return ENCODERS.get("graph")()


@pytest.fixture
def table(tmp_path, graphs):
    records = graphs.example(120, 0)
    labels = next(iter(records.labels.values()))
    path = tmp_path / "graphs.csv"
    path.write_text(
        "id,input,label\n" + "".join(f'g{i},"{g}",{y}\n' for i, (g, y) in enumerate(zip(records.inputs, labels)))
    )
    return path


@pytest.fixture
def run(table, tmp_path):
    assert execute(["new", "graph", str(table), "--split", "random"]) == 0
    assert execute(["run", str(table.with_suffix(".yaml")), "-o", str(tmp_path / "run"), "--device", "cpu"]) == 0
    return tmp_path / "run"


def test_every_check_passes(capsys):
    assert execute(["check-component", str(PLUGIN)]) == 0
    shown = capsys.readouterr().out
    for name in ("encoder graph", "transform neighbor_tokens", "metric error_rate", "baseline degree_counts"):
        assert f"{name}: ok" in shown


def test_it_is_listed(graphs, capsys):
    assert execute(["list"]) == 0
    shown = capsys.readouterr().out
    assert "graph" in shown.partition("encoders:")[0]  # a row of the grid
    for name in ("neighbor_tokens", "error_rate", "degree_counts"):
        assert name in shown
    assert execute(["list", "domains"]) == 0
    assert "graph: graphs\n" in capsys.readouterr().out


def test_it_trains_with_report_baselines_and_metric(run, capsys):
    result = json.loads((run / "metrics.json").read_text())
    assert 0 <= result["test"]["error_rate"] == pytest.approx(1 - result["test"]["accuracy"])
    assert result["baselines"]["degree_counts"]["auroc"] > 0.9
    assert {"majority", "degree_counts"} == set(result["baselines"])
    report = (run / "report.html").read_text()
    assert "degree_counts" in report
    assert "Feature attribution" in report
    assert "error_rate" in report


def test_its_package_is_recorded(run, table, monkeypatch, capsys):
    facts = json.loads((run / "program" / "program.json").read_text())
    assert facts["packages"]["encoder"] == facts["packages"]["transform"] == "graphs.py"
    monkeypatch.delitem(ENCODERS._entries, "graph")
    assert execute(["predict", str(run), str(table), "-o", "-"]) == 2
    said = capsys.readouterr().err
    assert "'graph', which is not installed; expected a component of graphs.py" in said


def test_it_predicts_and_evaluates(run, table, tmp_path, capsys):
    assert execute(["predict", str(run), str(table), "-o", str(tmp_path / "p.csv")]) == 0
    rows = list(csv.DictReader((tmp_path / "p.csv").open()))
    assert len(rows) == 120
    assert rows[0]["id"] == "g0"
    assert execute(["evaluate", str(run), str(table)]) == 0
    assert "error_rate" in capsys.readouterr().out


def test_a_broken_graph_is_named(run, tmp_path, capsys):
    (tmp_path / "bad.csv").write_text('id,input\na,"CC;0-1"\nb,"CC;0-7"\n')
    assert execute(["predict", str(run), str(tmp_path / "bad.csv"), "-o", str(tmp_path / "p.csv")]) == 2
    assert "bad.csv:3: record 'b': found an edge to a node beyond the last" in capsys.readouterr().err


def test_batches_and_programs_move(run, graphs):
    """`meta` stands in for another device."""
    program = Program.load(run)
    data = program.encoder.encode(graphs.example(4, 1))
    moved = program.to("meta")(data.batch(np.arange(4)).to(torch.device("meta")))
    assert (moved.device.type, tuple(moved.shape)) == ("meta", (1, 4, 2))


def test_a_package_registers_it_by_entry_points(tmp_path, monkeypatch):
    """The same file as an installed package; that it registers itself when it is imported does no harm."""
    facts = tmp_path / "xmr_graphs-1.0.dist-info"
    facts.mkdir()
    (tmp_path / "xmr_graphs.py").write_text(PLUGIN.read_text())
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: xmr-graphs\nVersion: 1.0\n")
    (facts / "top_level.txt").write_text("xmr_graphs\n")
    points = {
        "encoders": "graph = xmr_graphs:GraphEncoder",
        "transforms": "neighbor_tokens = xmr_graphs:NeighborTokens",
        "metrics": "error_rate = xmr_graphs:ERROR_RATE",
        "baselines": "degree_counts = xmr_graphs:DEGREE_COUNTS",
        "drafts": "graph = xmr_graphs:draft",
    }
    (facts / "entry_points.txt").write_text("".join(f"[xmr.{group}]\n{point}\n" for group, point in points.items()))
    monkeypatch.syspath_prepend(tmp_path)
    for registry in (ENCODERS, TRANSFORMS, METRICS, BASELINES, DRAFTS):
        monkeypatch.setattr(registry, "_discovered", False)
    assert ("graph", "token") in grid()
    assert [metric.name for metric in METRICS].count("error_rate") == 1
    assert [baseline.name for baseline in BASELINES].count("degree_counts") == 1
    encoder = ENCODERS.get("graph")
    assert package_of(encoder) == "xmr-graphs 1.0"
    assert DRAFTS.get("graph").__module__ == encoder.__module__ == "xmr_graphs"
