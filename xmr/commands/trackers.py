"""Experiment trackers, through accelerate: each run of a recipe is one run of TensorBoard, W&B, MLflow or Trackio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from xmr.errors import require
from xmr.metrics.base import is_defined
from xmr.recipe.recipe import Recipe
from xmr.training.loop import Report

TrackerName = Literal["tensorboard", "wandb", "mlflow", "trackio"]
PROJECT = "xmr"


class Tracked:
    """Sends what a run reports to the tracker of an accelerator, and on to another `Report`."""

    def __init__(self, accelerator: Any, report: Report) -> None:
        self.accelerator, self.further, self.step = accelerator, report, 0

    def report(self, event: dict[str, Any]) -> None:
        """The loss of a step; the mean loss and the validation metrics of an epoch."""
        if event["kind"] == "step":
            self.step = event["step"]
            self._log({"train/loss": event["loss"]})
        elif event["kind"] == "epoch":
            aside = {"kind", "epoch", "train_loss"}
            found = {f"validation/{name}": value for name, value in event.items() if name not in aside}
            self._log({"epoch": event["epoch"], "train/epoch_loss": event["train_loss"], **found})
        self.further(event)

    def finish(self, result: dict[str, Any]) -> None:
        """The metrics of the test part, of the program and of each baseline and control. result: metrics.json."""
        rows = {"test": result.get("test", {})}
        for kind in ("baselines", "controls"):
            rows |= {f"{kind}/{name}": row for name, row in result.get(kind, {}).items()}
        self._log({f"{row}/{name}": value for row, found in rows.items() for name, value in found.items()})

    def _log(self, values: dict[str, Any]) -> None:
        numbers = {k: v for k, v in values.items() if isinstance(v, int | float) and is_defined(v)}
        if numbers:
            self.accelerator.log(numbers, step=self.step)


def accelerator_settings(name: TrackerName | None, folder: Path) -> dict[str, Any]:
    """What accelerate needs to log with a tracker. Raises MissingExtraError where it is not installed."""
    if name is None:
        return {}
    require(name, name, f"--log {name}")
    return {"log_with": name, "project_dir": str(folder)}


@contextmanager
def tracked(
    accelerator: Any, name: TrackerName | None, recipe: Recipe, folder: Path, report: Report
) -> Iterator[Tracked | None]:
    """One run of a tracker, with the recipe as its configuration; None without a tracker.

    TensorBoard's files go to `folder`/tensorboard; the others are configured as their users are used to.
    """
    if name is None:
        yield None
        return
    project = name if name == "tensorboard" else PROJECT  # of TensorBoard, the folder
    named = {"mlflow": "run_name", "wandb": "name", "trackio": "name"}
    settings = {name: {named[name]: "/".join(folder.resolve().parts[-2:])}} if name in named else {}  # runs/wine
    accelerator.init_trackers(project, dict(flattened(recipe.model_dump())), settings)
    try:
        yield Tracked(accelerator, report)
    finally:
        accelerator.end_training()


def flattened(section: dict[str, Any], before: str = "") -> Iterator[tuple[str, str | int | float | bool]]:
    """The fields of a recipe by their dotted names; lists and nulls as JSON."""
    for name, value in section.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value if isinstance(value, str | int | float | bool) else json.dumps(value)
