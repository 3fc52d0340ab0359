"""A run sends its recipe, curves and metrics to a tracker: TensorBoard's files are read back."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import ClassVar

import pytest

import xmr
from xmr.cli.app import execute
from xmr.commands.trackers import flattened, tracked
from xmr.errors import MissingExtraError
from xmr.recipe.load import load_recipe

SMALL = ["source={name: identity, width: 16}", "ensemble=1", "baselines=[majority]", "data.split.validation=0.2"]


def scalars(folder):
    """tag -> (step, value) of every event below a folder."""
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    found, texts = {}, []
    for path in folder.rglob("events.out.tfevents.*"):
        held = events.EventAccumulator(str(path.parent)).Reload()
        for tag in held.Tags()["scalars"]:
            found[tag] = [(event.step, event.value) for event in held.Scalars(tag)]
        content = held.summary_metadata.get("_hparams_/session_start_info", {})
        texts += [*content.values()] if hasattr(content, "values") else []
    return found, str(texts) + "".join(path.read_text() for path in folder.rglob("hparams.yml"))


def test_tensorboard_holds_curves_metrics_and_recipe(tmp_path):
    out = tmp_path / "run"
    given = [*SMALL, "training.epochs=3", "training.learning_rate=0.002"]
    assert (
        execute(["run", "table/wine", *given, "-o", str(out), "--seeds", "2", "--log", "tensorboard", "--quiet"]) == 0
    )
    for seed in (0, 1):
        folder = out / f"seed-{seed}"
        run = xmr.Run(folder)
        found, recipe = scalars(folder / "tensorboard")
        steps = [step for step, _ in found["train/loss"]]
        assert steps == [*range(1, len(steps) + 1)]
        assert [value for _, value in found["epoch"]] == [1, 2, 3]
        assert len(found["validation/accuracy"]) == len(found["train/epoch_loss"]) == 3
        assert found["test/accuracy"][0][1] == pytest.approx(run.metrics["test"]["accuracy"])
        expected = run.metrics["baselines"]["majority"]["accuracy"]
        assert found["baselines/majority/accuracy"][0][1] == pytest.approx(expected)
        assert "training.learning_rate: 0.002" in recipe
        assert f"seed: {seed}" in recipe
    assert execute(["run", "table/wine", *given, "-o", str(out), "--seeds", "2", "--resume", "--quiet"]) == 0


def test_nothing_is_logged_unless_asked(tmp_path):
    xmr.fit("table/wine", folder=tmp_path, source={"name": "identity", "width": 16}, ensemble=1, baselines=[])
    assert not (tmp_path / "tensorboard").exists()


@pytest.mark.parametrize("name", ["wandb", "mlflow", "trackio", "tensorboard"])
def test_a_missing_package_is_one_line(tmp_path, name, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError, match=rf"pip install 'xmr\[{name}\]'"):
        xmr.fit("table/wine", folder=tmp_path, track=name)
    assert execute(["run", "table/wine", "-o", str(tmp_path / "run"), "--log", name]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "run").exists()


def test_other_trackers_get_a_project_and_a_name(tmp_path):
    class Accelerator:
        calls: ClassVar[list] = []

        def init_trackers(self, *given):
            self.calls.append(given)

        def log(self, values, step):
            self.calls.append((values, step))

        def end_training(self):
            self.calls.append("ended")

    recipe = load_recipe("table/wine", SMALL)
    with tracked(Accelerator(), "wandb", recipe, tmp_path / "wine", lambda event: None) as tracker:
        tracker.report({"kind": "step", "step": 7, "loss": 0.5})
        tracker.finish({"test": {"accuracy": 1.0, "auroc": None}, "baselines": {"majority": {"accuracy": 0.4}}})
    (project, config, settings), *logged = Accelerator.calls
    assert project == "xmr"
    assert config["task"] == "classification"
    assert settings == {"wandb": {"name": f"{tmp_path.name}/wine"}}
    last = {"test/accuracy": 1.0, "baselines/majority/accuracy": 0.4}
    assert logged == [({"train/loss": 0.5}, 7), (last, 7), "ended"]


def wandb_holds(place):
    """Of each run, written without a network: whether its file holds the figures and the recipe."""
    files = [path.read_bytes() for path in (place / "wandb").glob("offline-run-*/*.wandb")]
    return [b"seed-%d" % seed for seed in (0, 1) if any(b"wine/seed-%d" % seed in held for held in files)], all(
        name in held for held in files for name in (b"test/accuracy", b"train/loss", b"training.learning_rate")
    )


def mlflow_holds(place):
    """Of each run: its metrics and parameters."""
    from mlflow.tracking import MlflowClient

    client = MlflowClient(f"file://{place / 'mlruns'}")
    runs = client.search_runs([client.get_experiment_by_name("xmr").experiment_id])
    names = {run.data.tags["mlflow.runName"].split("/")[-1].encode() for run in runs}
    complete = all(run.data.params["training.learning_rate"] == "0.002" for run in runs)
    return sorted(names), complete and all({"test/accuracy", "train/loss"} <= {*run.data.metrics} for run in runs)


def trackio_holds(place):
    """Of each run: the rows of its metrics and its configuration."""
    with sqlite3.connect(next((place / "trackio").glob("*.db"))) as held:
        rows = held.execute("select run_name, metrics from metrics").fetchall()
        configs = held.execute("select config from configs").fetchall()
    names = {name.split("/")[-1].encode() for name, _ in rows}
    texts = "".join(str(found) for _, found in rows)
    complete = "test/accuracy" in texts and "train/loss" in texts
    return sorted(names), complete and all('"training.learning_rate":0.002' in str(config) for (config,) in configs)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "holds"), [("wandb", wandb_holds), ("mlflow", mlflow_holds), ("trackio", trackio_holds)]
)
def test_a_run_is_logged_without_a_network(tmp_path, monkeypatch, name, holds):
    pytest.importorskip(name)
    settings = {"WANDB_MODE": "offline", "TRACKIO_DIR": tmp_path / "trackio", "MLFLOW_ALLOW_FILE_STORE": "true"}
    for key, value in {**settings, "MLFLOW_TRACKING_URI": f"file://{tmp_path / 'mlruns'}"}.items():
        monkeypatch.setenv(key, str(value))
    command = ["run", "table/wine", *SMALL, "training.learning_rate=0.002", "-o", "wine", "--seeds", "2", "--log", name]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-m", "xmr", *command, "--quiet"], cwd=tmp_path, env=environment, check=True)
    assert holds(tmp_path) == ([b"seed-0", b"seed-1"], True)


def test_a_recipe_as_flat_fields():
    found = dict(flattened(load_recipe("table/wine", SMALL).model_dump()))
    assert found["source.width"] == 16
    assert found["data.split.validation"] == 0.2
    assert found["baselines"] == '["majority"]'
    assert found["data.path"] == "null"
    assert all(isinstance(value, str | int | float | bool) for value in found.values())
