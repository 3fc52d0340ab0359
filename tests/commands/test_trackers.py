"""A run sends its recipe, curves and metrics to a tracker: TensorBoard's files are read back."""

import sys
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
    assert settings == {"wandb": {"name": "wine-seed-0"}}
    last = {"test/accuracy": 1.0, "baselines/majority/accuracy": 0.4}
    assert logged == [({"train/loss": 0.5}, 7), (last, 7), "ended"]


def test_a_recipe_as_flat_fields():
    found = dict(flattened(load_recipe("table/wine", SMALL).model_dump()))
    assert found["source.width"] == 16
    assert found["data.split.validation"] == 0.2
    assert found["baselines"] == '["majority"]'
    assert found["data.path"] == "null"
    assert all(isinstance(value, str | int | float | bool) for value in found.values())
