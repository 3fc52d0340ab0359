"""`xmr run`: train, choose on validation, test once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Device, Out, Overrides, Recipe, Tracker

if TYPE_CHECKING:
    from xmr.commands.trackers import TrackerName
    from xmr.recipe.recipe import Recipe as CheckedRecipe


def run(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Out = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted run.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing run when the new one is finished.")
    ] = False,
    controls: Annotated[
        bool,
        typer.Option(
            "--controls",
            help="Also train with a random source, without a source and on shuffled labels; one that does as well is "
            "reported.",
        ),
    ] = False,
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of seeds; mean and standard deviation are written to summary.json.")
    ] = 1,
    device: Device = "auto",
    track: Annotated[
        Tracker | None,
        typer.Option(
            "--log",
            help="Send recipe, curves and metrics to an experiment tracker, a run of it for each seed and fold.",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not show a progress bar.")] = False,
) -> None:
    """Train a recipe and evaluate it on the test set once.

    The best epoch is selected on validation data. The folder holds the program, metrics, predictions and a report.
    """
    from xmr.commands.verdict import counted
    from xmr.errors import printable
    from xmr.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides or [])
    tracker: TrackerName | None = None if track is None else track.value
    comment = printable(" ".join([recipe, *(overrides or [])]))
    folder = out or Path("runs") / printable(Path(recipe).with_suffix("").name)
    console = Console(stderr=True, highlight=False)
    from xmr.commands.repeated import WHOLE, over, run_all, runs_of

    runs = runs_of(loaded, seeds)
    if len(runs) == 1:
        beware(console, run_once(loaded, folder, comment, console, resume, force, controls, device, tracker, quiet))
        return

    def once(each: CheckedRecipe, name: str) -> dict[str, Any]:
        """One of the runs; that on all records has no controls."""
        said, more = (comment, False) if name == WHOLE else (f"{comment} {name}", controls)
        return run_once(each, folder / name, said, console, resume, force, more, device, tracker, quiet)

    written = run_all(loaded, runs, folder, once, force)
    if written is None:
        return  # one of several processes: the first one writes
    metric, summary = written
    folds = loaded.data.split.folds if loaded.data.split.by == "cross_validation" else 0
    if folds:
        pooled = summary["pooled"]["program"][metric]
        line(console, f"every record was tested once in {folds} folds: {metric} {pooled:.3f} over all of them")
        if summary["test_counts"]:
            line(console, counted(summary["test_counts"]))
    interval = summary.get("interval", {}).get(metric)
    stated = f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    console.print(f"test {metric}, mean and standard deviation over {over(folds, seeds)}{stated}:")
    for name, values in summary["rows"].items():
        if metric in values:
            p = summary["paired"].get(name, {}).get(metric)
            compared = "" if p is None else f"  (paired p = {p:.2g})"
            if folds:
                compared = f"  over all records {summary['pooled'][name][metric]:.3f}"
            console.print(f"  {name:<22} {values[metric]['mean']:.3f} ± {values[metric]['sd']:.3f}{compared}")
    if folds:
        line(console, f"report: {folder / 'report.html'}; program of all records: {folder / WHOLE}")
    line(console, f"summary: {folder / 'summary.json'}")
    beware(console, summary)


def beware(console: Console, result: dict[str, Any]) -> None:
    """Print what speaks against the figures of a run, or of several, as the last lines."""
    for text in result.get("verdict", []):
        line(console, f"beware: {text}")


def run_once(
    recipe: CheckedRecipe,
    folder: Path,
    comment: str,
    console: Console,
    resume: bool,
    force: bool,
    controls: bool,
    device: str,
    track: TrackerName | None,
    quiet: bool,
) -> dict[str, Any]:
    """One run with a progress bar; its result is printed -> the contents of metrics.json."""
    from xmr.cli.progress import TrainingBar
    from xmr.commands.run import run as run_job
    from xmr.commands.verdict import control_scores, counted, headline_scores

    with TrainingBar(console, quiet) as bar:
        result = run_job(
            recipe,
            folder,
            device=device,
            resume=resume,
            force=force,
            controls=controls,
            comment=comment,
            track=track,
            report=bar.report,
            log=lambda text: line(console, text),
        )
    if "test" not in result:
        return result
    metric = result["metric"]
    shown, scores = headline_scores(result)
    if shown != metric:
        console.print(f"{metric} is not defined on the {result['n_test']} test records (of one class, or all alike)")
    low, high = result["test_interval"].get(shown, (float("nan"), float("nan")))
    interval = f" (95 % interval {low:.3f} to {high:.3f})" if shown in result["test_interval"] else ""
    console.print(f"test {shown} {result['test'][shown]:.3f}{interval}")
    if result.get("test_counts"):
        line(console, counted(result["test_counts"]))
    for name in result["baselines"]:
        if name in scores:
            console.print(f"  {name} {scores[name]:.3f}")
    for name, value in control_scores(shown, result).items():
        console.print(f"  control: {name} {value:.3f}")
    if "report_error" not in result:
        line(console, f"report: {folder / 'report.html'}")
    return result
