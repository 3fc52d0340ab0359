"""`xmr data list` and `xmr data get NAME`: public data sets."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

app = typer.Typer(help="Public data sets: what there is, and how to get it.", no_args_is_help=True)


@app.command("list")
def listing() -> None:
    """Every data set, its licence, and where it is on this machine."""
    from xmr.data.datasets import status

    table = Table(Column("name", no_wrap=True), "what", "licence", "here")
    for dataset, where in status():
        table.add_row(dataset.name, dataset.summary, dataset.licence, where)
    Console().print(table)


@app.command("get")
def get(
    name: Annotated[str, typer.Argument(help="A name from `xmr data list`.")],
    force: Annotated[
        bool,
        typer.Option(help="Prepare it anew, and take official files whose checksum nobody publishes as they are now."),
    ] = False,
) -> None:
    """Download a data set from its official address into the cache, checking every file's checksum."""
    from xmr.data.datasets import dataset, place_of
    from xmr.data.download import download

    chosen = dataset(name, "data get")
    paths = download(chosen, force=force)
    for path in paths:
        print(path)
    if not paths:
        print(f"{place_of(chosen)}: nothing to download")
