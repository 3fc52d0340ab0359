"""`xmr source list`, `xmr source get NAME` and `xmr source where NAME`: frozen models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

app = typer.Typer(help="List, download and locate frozen source models.", no_args_is_help=True)


@app.command("list", short_help="List models, licences and where they are.", epilog="Example: xmr source list")
def listing() -> None:
    """List the models inside pip packages and the published ones, with licences, sizes and where they are."""
    from xmr.commands.source import listed

    table = Table(Column("name", no_wrap=True), "what", "licence", "size", "here")
    for model in listed():
        cells = (model.name, model.summary, model.licence, model.size, model.where or "no")
        table.add_row(*map(escape, cells))  # 'xmr[pixel]' is no markup
    Console().print(table)


@app.command("get", short_help="Download and convert models.", epilog="Example: xmr source get mobilenet_v1_0.5_160")
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names from `xmr source list`.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for the models, to be named by XMR_MODELS later. [default: the cache]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Convert the model again and replace what is there.")] = False,
) -> None:
    """Download models from their official addresses, verify the checksums, and convert them to what recipes load."""
    from xmr.commands.source import get_all

    for path, recipe in get_all(names, folder, force):
        print(path)
        print(f"  in a recipe: source: {recipe}")


@app.command("where", short_help="Print where a model is.", epilog="Example: xmr source where yamnet")
def where(name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `xmr source list`.")]) -> None:
    """Print the file or folder that a recipe would load; exit status 1 where there is none."""
    from xmr.commands.source import listed
    from xmr.errors import RecipeError, one_of

    models = {model.name: model for model in listed()}
    if name not in models:
        raise RecipeError(one_of("source where", name, models))
    print(models[name].where or f"{name} is not on this machine: xmr source get {name}")
    if not models[name].where:
        raise typer.Exit(1)
