"""`xmr compare`: does reprogramming pay on this data?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line
from xmr.cli.options import Jobs, Out, Overrides, Recipe


def compare(
    recipe: Recipe,
    overrides: Overrides = None,
    budgets: Annotated[
        str, typer.Option(help="Numbers of labelled training records, separated by commas; `all` for all.")
    ] = "all",
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of seeds per row; a seed changes split, initialization and shuffling.")
    ] = 5,
    without: Annotated[
        list[str] | None, typer.Option(help="Control or baseline to leave out, such as 'no source'. May be repeated.")
    ] = None,
    jobs: Jobs = 1,
    out: Out = None,
) -> None:
    """Compare a recipe with its controls and baselines on the same splits.

    Prints a table and a recommendation per number of labels, and writes learning curves. An interrupted comparison
    resumes; with more numbers of labels or more seeds, only the new runs are trained.
    """
    from xmr.commands.compare import compare as run_comparison

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "compare" / Path(recipe).with_suffix("").name
    comparison = run_comparison(
        recipe,
        overrides or [],
        folder,
        [budget.strip() for budget in budgets.split(",")],
        seeds,
        tuple(without or ()),
        log=lambda text: line(errors, text),
        jobs=jobs,
    )
    table = Table()
    table.add_column("")
    for budget in comparison.budgets():
        table.add_column(f"{budget} labels", justify="right")
    for row in dict.fromkeys(cell.row for cell in comparison.cells):
        found = {cell.budget: f"{cell.mean:.3f} ± {cell.spread:.3f}" for cell in comparison.cells if cell.row == row}
        table.add_row(row, *(found.get(budget, "") for budget in comparison.budgets()))
    console.print(table)
    for budget in comparison.budgets():
        line(console, comparison.verdict(budget))
    for row, why in comparison.failures:
        line(console, f"failed: {row}: {why}")
    line(console, f"report: {folder / 'compare.html'}")
