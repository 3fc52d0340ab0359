"""`xmr auto`: try what suits the data, and save the best."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Out


def auto(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE|FILE", help="Name or path of a recipe; or with --domain, a data file.")
    ],
    overrides: Annotated[list[str] | None, typer.Argument(help="Recipe fields to change: section.key=value.")] = None,
    minutes: Annotated[float, typer.Option(min=0.1, help="Time for trying; what does not fit is listed.")] = 10.0,
    metric: Annotated[str | None, typer.Option(help="What to choose by, if not the task's main metric.")] = None,
    domain: Annotated[
        str | None, typer.Option(help="Draft a recipe for the file first, as `xmr new DOMAIN FILE` does.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="With --domain: column of the label. May be repeated.")
    ] = None,
    out: Out = None,
) -> None:
    """Try programs and baselines that suit a recipe's data, choose the best on held-out training records and save it.

    Untrained programs with heads solved in closed form, the recipe itself, and every baseline compete. The test part is
    used once, for the choice. `xmr predict FOLDER NEW_FILE` serves what won, whatever it is. An interrupted search
    resumes.
    """
    from xmr.commands.auto.auto import auto as run_auto
    from xmr.commands.auto.auto import auto_of_files, table
    from xmr.commands.new.base import Asked
    from xmr.commands.new.registry import DRAFTS
    from xmr.errors import Problem, RecipeError

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "auto" / Path(recipe).with_suffix("").name
    limits: dict[str, Any] = {"minutes": minutes, "metric": metric, "log": lambda text: line(errors, text)}
    if domain is not None:
        asked = Asked(target=tuple(target or ()))
        result = auto_of_files(domain, [Path(recipe)], asked, overrides or [], folder, **limits)
    elif Path(recipe).exists() and Path(recipe).suffix not in (".yaml", ".yml"):
        raise RecipeError(Problem(recipe, "a data file", f"--domain {'|'.join(DRAFTS.names())}, or a recipe"))
    else:
        result = run_auto(recipe, overrides or [], folder, **limits)
    for row in table(result).splitlines():
        line(console, row)
    line(console, "")
    line(console, result.paragraph())
    line(console, f"saved: {folder}; predict new records with: xmr predict {folder} NEW_FILE -o predictions.csv")
