"""`xmr papers`: published systems and what they give here."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line


def papers(
    name: Annotated[str | None, typer.Argument(help="Name of one system, for all that is known of it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List the published systems: source, target, recipe, published figure, measured figure and verdict.

    The measured figures are those of results/papers, each with its controls and baselines; docs/papers.md shows all.
    """
    from xmr.commands import papers as command

    found, console = command.chosen(name), Console(highlight=False)
    if as_json:
        print(command.as_json(found))
        return
    if name is None:
        table = Table("system", "source → target", "recipe", "state", "ours")
        for paper in found:
            ours = paper.cells()["ours"]
            table.add_row(paper.name, f"{paper.source} → {paper.target}", paper.recipe or "none", paper.state, ours)
        console.print(table)
        return
    for paper in found:
        recipe = f"xmr run {paper.recipe}" if paper.recipe else "none"
        tags = ", ".join(paper.tags)
        known = {"system": paper.name, "reference": paper.reference, "source": paper.source, "target": paper.target}
        for key, value in {**known, "tags": tags, "recipe": recipe, "state": paper.state, **paper.cells()}.items():
            line(console, f"{key:<14} {value}")
