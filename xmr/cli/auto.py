"""`xmr auto`: try what suits the data, and save the best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Out, Recipe


def auto(
    recipe: Recipe,
    overrides: Annotated[list[str] | None, typer.Argument(help="Recipe fields to change: section.key=value.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time for trying; what does not fit is listed.")] = 10.0,
    metric: Annotated[str | None, typer.Option(help="What to choose by, if not the task's main metric.")] = None,
    out: Out = None,
) -> None:
    """Try programs and baselines that suit a recipe's data, choose the best on held-out training records and save it.

    Untrained programs with heads solved in closed form, the recipe itself, and every baseline compete. The test part is
    used once, for the choice. `xmr predict FOLDER NEW_FILE` serves what won, whatever it is. An interrupted search
    resumes.
    """
    from xmr.commands.auto.auto import auto as run_auto
    from xmr.commands.auto.auto import table

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "auto" / Path(recipe).with_suffix("").name
    result = run_auto(recipe, overrides or [], folder, minutes, metric, lambda text: line(errors, text))
    for row in table(result).splitlines():
        line(console, row)
    line(console, "")
    line(console, result.paragraph())
    line(console, f"saved: {folder}; predict new records with: xmr predict {folder} NEW_FILE -o predictions.csv")
