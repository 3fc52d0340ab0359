"""The training bar: epoch, loss, records per second, remaining time."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class TrainingBar:
    """A progress bar fed by the training loop's reports; silent if requested."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet,
        )
        self.task = self.bar.add_task("training", total=None, rate="", visible=False)
        self.records = 0
        self.first = 0.0
        self.score = ""

    def report(self, event: dict[str, Any]) -> None:
        """One step or epoch of the training loop."""
        if event["kind"] == "epoch":
            self.score = f" validation {event['score']:.3f}" if "score" in event else ""
            return
        if not self.records:
            self.bar.start()  # only now, so that an error before training leaves its one line alone
        self.records += event["records"]
        now = self.bar.get_time()
        self.first = self.first or now
        rate = self.records / max(now - self.first, 1e-6) if now > self.first else 0.0
        self.bar.update(
            self.task,
            total=event["steps"],
            completed=event["step"],
            description=f"epoch {event['epoch'] + 1} loss {event['loss']:.3f}{self.score}",
            rate=f"{rate:,.0f} records/s",
            visible=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.records:
            self.bar.stop()
