"""`xmr run`: train, choose on validation, test once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    from xmr.recipe.schema import Recipe


def run(
    recipe: Annotated[str, typer.Argument(help="A packaged recipe (protein/amp) or a path to one.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="section.key=value, any number.")] = None,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the run.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on where an interrupted run stopped.")] = False,
    force: Annotated[bool, typer.Option(help="Replace a run that is there.")] = False,
    seeds: Annotated[int, typer.Option(min=1, help="Repeat with so many seeds; the mean goes to summary.json.")] = 1,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
    quiet: Annotated[bool, typer.Option(help="No progress bar.")] = False,
) -> None:
    """Train a recipe, choose on validation, test once, write a folder with program, metrics and report."""
    from xmr.recipe.load import load_recipe

    loaded = load_recipe(recipe, overrides or [])
    comment = " ".join([recipe, *(overrides or [])])
    folder = out or Path("runs") / Path(recipe).with_suffix("").name
    console = Console(stderr=True, highlight=False)
    if seeds == 1:
        _one(loaded, folder, comment, console, resume, force, device, quiet)
        return
    results = []
    for seed in range(loaded.seed, loaded.seed + seeds):
        each = loaded.model_copy(update={"seed": seed}, deep=True)
        results.append(
            _one(each, folder / f"seed-{seed}", f"{comment} seed={seed}", console, resume, force, device, quiet)
        )
    from xmr.evaluation.seeds import summarise
    from xmr.files import write_json

    summary = summarise(results)
    write_json(folder / "summary.json", summary)
    metric = results[0]["metric"]
    console.print(f"test {metric}, mean and standard deviation over {seeds} seeds:")
    for name, values in summary["rows"].items():
        if metric in values:
            p = summary["paired"].get(name, {}).get(metric)
            compared = "" if p is None else f"  (paired p = {p:.2g})"
            console.print(f"  {name:<22} {values[metric]['mean']:.3f} ± {values[metric]['sd']:.3f}{compared}")
    console.print(f"summary: {folder / 'summary.json'}", markup=False, soft_wrap=True)


def _one(
    recipe: Recipe,
    folder: Path,
    comment: str,
    console: Console,
    resume: bool,
    force: bool,
    device: str,
    quiet: bool,
) -> dict[str, Any]:
    from xmr.cli.progress import TrainingBar
    from xmr.job import run as run_job

    with TrainingBar(console, quiet) as bar:
        result = run_job(
            recipe,
            folder,
            device=device,
            resume=resume,
            force=force,
            comment=comment,
            report=bar.report,
            say=lambda text: console.print(text, markup=False, soft_wrap=True),
        )
    if not result:
        return result
    metric = result["metric"]
    low, high = result["test_interval"].get(metric, (float("nan"), float("nan")))
    interval = f" (95 % interval {low:.3f} to {high:.3f})" if metric in result["test_interval"] else ""
    console.print(f"test {metric} {result['test'][metric] or float('nan'):.3f}{interval}")
    for name, values in result["baselines"].items():
        if values.get(metric) is not None:
            console.print(f"  {name} {values[metric]:.3f}")
    console.print(f"report: {folder / 'report.html'}", markup=False, soft_wrap=True)
    return result
