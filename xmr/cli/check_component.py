"""`xmr check-component`: check what a plugin file adds."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line


def check_component(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Python file that registers components.")],
    name: Annotated[str | None, typer.Argument(help="Check only this component.")] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(help="Arguments of that component, as key=value. May be repeated.")
    ] = None,
    expect_failure: Annotated[
        list[str] | None, typer.Option(help="Name of a check that may fail. May be repeated.")
    ] = None,
) -> int:
    """Run the named checks of every component that a plugin file adds.

    Encoders, transforms, sources, outputs, tasks, metrics and baselines each have their own checks, which all built-in
    components pass. All failures are listed; the exit status is 1 if there are any.
    """
    from xmr.commands.check_component import check_component as checked
    from xmr.recipe.load import as_values

    console, outcomes = Console(highlight=False), []
    for outcome in checked(file, name, as_values(settings or []), expect_failure or []):
        line(console, str(outcome))
        outcomes.append(outcome)
    failed = sum(outcome.failed for outcome in outcomes)
    line(console, f"{len(outcomes)} checks, {failed} failed" if failed else f"{len(outcomes)} checks passed")
    return 1 if failed else 0
