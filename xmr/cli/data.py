"""`xmr data list` and `xmr data get NAME`: public data sets."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Column, Table

app = typer.Typer(help="List and download public data sets.", no_args_is_help=True)


class DatasetDomain(StrEnum):
    """The kinds of public data sets, one script of data_prep/ each."""

    proteins = "proteins"
    dna = "dna"
    molecules = "molecules"
    series = "series"
    audio = "audio"
    images = "images"
    tables = "tables"
    text = "text"


OfDomain = Annotated[DatasetDomain | None, typer.Option("--domain", help="Only data sets of this domain.")]


@app.command(
    "list", short_help="List data sets, licences and where they are.", epilog="Example: xmr data list --domain text"
)
def listing(domain: OfDomain = None) -> None:
    """List the data sets with their tasks, licences, sizes and where they are on this machine."""
    from xmr.commands.data import listed

    table = Table(Column("name", no_wrap=True), "what", "task", "licence", "size", "here")
    for row in listed(domain and domain.value):
        table.add_row(*row)
    Console().print(table)


@app.command(
    "get",
    short_help="Download data sets and verify their checksums.",
    epilog="Example: xmr data get dtd trec --folder F",
)
def get(
    names: Annotated[
        list[str],
        typer.Argument(metavar="NAME...", help="Names from `xmr data list`; gb1 stands for every gb1_... set."),
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for the data sets, to be named by XMR_DATA later. [default: the cache]")
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Prepare the set again, and accept changed official files that have no published checksum."
        ),
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Only compare what is here with its checksums.")] = False,
    domain: OfDomain = None,
) -> None:
    """Download data sets from their official addresses, verify every checksum, and convert them to what xmr reads."""
    from xmr.commands import data

    chosen = domain and domain.value
    for text in data.verify(names, chosen, folder) if check else data.get(names, chosen, folder, force):
        print(text)


def script(domain: str, arguments: list[str]) -> int:
    """What a script of data_prep/ does: list its domain's data sets, or get those that are named -> exit status."""
    from xmr.cli.app import execute

    return execute(["data", "get" if arguments else "list", "--domain", domain, *arguments])
