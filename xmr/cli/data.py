"""`xmr data list` and `xmr data get NAME`: public data sets."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

app = typer.Typer(help="List and download public data sets.", no_args_is_help=True)


@app.command("list", short_help="List data sets, licences and where they are.")
def listing() -> None:
    """List the data sets with their licences and where they are on this machine."""
    from xmr.data.public.datasets import status

    table = Table(Column("name", no_wrap=True), "what", "licence", "here")
    for dataset, where in status():
        table.add_row(dataset.name, dataset.summary, dataset.licence, where)
    Console().print(table)


@app.command("get", short_help="Download a data set and verify its checksums.")
def get(
    name: Annotated[str, typer.Argument(help="Name from `xmr data list`.")],
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Prepare the set again, and accept changed official files that have no published checksum."
        ),
    ] = False,
) -> None:
    """Download a data set from its official address and verify the checksum of every file."""
    from xmr.data.public.datasets import dataset, place_of
    from xmr.data.public.download import download

    chosen = dataset(name, "data get")
    paths = download(chosen, force=force)
    for path in paths:
        print(path)
    if not paths:
        print(f"{place_of(chosen)}: nothing to download")
