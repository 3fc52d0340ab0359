"""`xmr compare`: does reprogramming pay on this data?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line


def compare(
    recipe: Annotated[str, typer.Argument(help="A packaged recipe (protein/amp) or a path to one.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="section.key=value, any number.")] = None,
    budgets: Annotated[str, typer.Option(help="Numbers of labels, and `all`, e.g. 50,200,all.")] = "all",
    seeds: Annotated[int, typer.Option(min=1, help="Splits, starts and orders of each row.")] = 5,
    without: Annotated[list[str] | None, typer.Option(help="A control not to run, e.g. 'no source'.")] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Runs at a time, each with its share of the cores.")] = 1,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the comparison.")] = None,
) -> None:
    """Run the recipe, its controls and its baselines on the same splits; table, learning curves and a verdict.

    One that was stopped goes on; one with more budgets or seeds runs only what is new.
    """
    from xmr.comparison import compare as run_comparison

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "compare" / Path(recipe).with_suffix("").name
    comparison = run_comparison(
        recipe,
        overrides or [],
        folder,
        [budget.strip() for budget in budgets.split(",")],
        seeds,
        tuple(without or ()),
        say=lambda text: line(errors, text),
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
