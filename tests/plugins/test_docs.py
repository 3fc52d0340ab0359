"""The plugins that the how-to pages show train, predict and report."""

import json
import re
from pathlib import Path

import pytest

from xmr.cli.app import execute
from xmr.core.registry import ENCODERS, load_plugin

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PLAIN = {"source": "identity", "output": "linear", "training": "{epochs: 2}", "data.split.by": "random"}

pytestmark = pytest.mark.usefixtures("registries")


def run(page, tmp_path, encoder, **changed):
    """A run of the plugin on the encoder's example -> its metrics.json."""
    blocks = re.findall(r"```python\n(.*?)```", (HOW_TO / page).read_text(), flags=re.S)
    (tmp_path / "plugin.py").write_text("\n".join(blocks))
    load_plugin(tmp_path / "plugin.py")
    records = ENCODERS.get(encoder)().example(80, 0, changed.get("task", "classification"))
    rows = zip(records.ids, records.inputs, records.labels["label"])
    (tmp_path / "x.csv").write_text("id,input,label\n" + "".join(f'r{i},"{text}",{y}\n' for i, text, y in rows))
    fields = PLAIN | {"data.path": str(tmp_path / "x.csv"), "encoder": f"{{name: {encoder}}}"} | changed
    overrides = [f"{key}={value}" for key, value in fields.items()]
    assert execute(["run", "protein/custom", *overrides, "-o", str(tmp_path / "run"), "--device", "cpu"]) == 0
    assert execute(["predict", str(tmp_path / "run"), str(tmp_path / "x.csv"), "-o", str(tmp_path / "p.csv")]) == 0
    return json.loads((tmp_path / "run" / "metrics.json").read_text())


def test_a_task(tmp_path):
    found = run("add-a-task.md", tmp_path, "protein", task="counts", baselines="[majority, kmer_logistic]")
    assert found["metric"] == "poisson_deviance"
    assert {"poisson_deviance", "rmse"} <= set(found["test"]) & set(found["baselines"]["kmer_logistic"])
    assert (tmp_path / "p.csv").read_text().startswith("id,predicted,std,")


def test_a_kind(tmp_path):
    found = run("add-a-kind.md", tmp_path, "points", transform="{name: point_tokens}", baselines="[majority]")
    assert found["metric"] == "auroc"
    report = (tmp_path / "run" / "report.html").read_text()
    assert "Feature attribution" in report
    assert "point 4" in report
