"""`xmr list`: what a recipe can name."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line


def catalogue(
    kind: Annotated[
        str | None,
        typer.Argument(
            help="One of encoders, transforms, sources, outputs, domain_features, tasks, domains, metrics, baselines, "
            "recipes."
        ),
    ] = None,
) -> None:
    """List what a recipe can name, with arguments: components, tasks, metrics, baselines, domains, recipes."""
    from xmr.commands.list import grid_rows, listed, names

    console = Console(highlight=False)
    if kind is None:
        header, *rows = grid_rows()
        table = Table(*header, title="Input transformations")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        for name, found in names().items():
            console.print(f"{name}: {', '.join(found)}", soft_wrap=True)
        return
    for each in listed(kind):
        line(console, f"{each.name}: {each.summary}" if each.summary else each.name)
        for argument in each.arguments:
            line(console, f"    {argument}")
