"""`xmr compare`: is reprogramming worth it on this data?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line
from xmr.cli.options import Address, Cpus, EngineName, Engines, Gpus, Jobs, Out, Overrides, Recipe


def compare(
    recipe: Recipe,
    overrides: Overrides = None,
    train_sizes: Annotated[
        str, typer.Option(help="Numbers of labelled training records, separated by commas; `all` for all.")
    ] = "all",
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of seeds per row; a seed changes split, initialization and shuffling.")
    ] = 5,
    skip: Annotated[
        list[str] | None, typer.Option(help="Control or baseline not to run, such as 'no source'. May be repeated.")
    ] = None,
    jobs: Jobs = None,
    engine: EngineName = Engines.local,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    out: Out = None,
) -> None:
    """Compare a recipe with its controls and baselines on the same splits.

    Prints a table and a recommendation per training-set size, and writes learning curves. An interrupted comparison
    resumes; with more sizes or seeds, only the new runs are trained.
    """
    from xmr.commands.compare.compare import Settings
    from xmr.commands.compare.compare import compare as run_comparison
    from xmr.commands.workers.base import Engine

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "compare" / Path(recipe).with_suffix("").name
    settings = Settings(
        overrides=overrides or [],
        train_sizes=[size.strip() for size in train_sizes.split(",")],
        seeds=seeds,
        skip=tuple(skip or ()),
        engine=Engine(engine.value, jobs, address, cpus, gpus),
    )
    comparison = run_comparison(recipe, folder, settings, log=lambda text: line(errors, text))
    table = Table()
    table.add_column("")
    for size in comparison.train_sizes():
        table.add_column(f"{size} labels", justify="right")
    for row in dict.fromkeys(cell.row for cell in comparison.cells):
        found = {cell.train_size: f"{cell.mean:.3f} ± {cell.std:.3f}" for cell in comparison.cells if cell.row == row}
        table.add_row(row, *(found.get(size, "") for size in comparison.train_sizes()))
    console.print(table)
    for size in comparison.train_sizes():
        line(console, comparison.verdict(size))
    for row, why in comparison.failures:
        line(console, f"failed: {row}: {why}")
    line(console, f"report: {folder / 'compare.html'}")
