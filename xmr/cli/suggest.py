"""`xmr suggest`: the next records to label."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Device, OnError, Program, Skipping


class By(StrEnum):
    """What a record is scored by."""

    spread = "spread"
    upper_bound = "upper"
    best = "best"


def suggest(
    folder: Program,
    pool: Annotated[Path, typer.Argument(metavar="POOL", help="File of records without labels.")],
    n: Annotated[int, typer.Option("--n", min=1, max=100_000, help="Number of records to suggest.")] = 96,
    by: Annotated[
        By, typer.Option(help="Where the programs disagree most, their mean plus that spread, or their mean.")
    ] = By.spread,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="CSV file to write. [default: POOL.suggested.csv]")
    ] = None,
    on_error: Skipping = OnError.fail,
    device: Device = "auto",
) -> None:
    """Suggest the next batch to measure: records of a pool that would teach the program most, unlike each other.

    Records are scored by the spread between the programs of an ensemble (`ensemble=4`), or of one program of classes by
    how undecided it is; among the ten times as many best, those far from each other in the source's features are taken.
    """
    from xmr.commands.suggest import suggest as run_suggest

    target = out or pool.with_name(f"{pool.name}.suggested.csv")
    written = run_suggest(folder, pool, target, n, by.value, on_error.value, device)
    line(Console(stderr=True, highlight=False), f"{written:,} records -> {target}")
