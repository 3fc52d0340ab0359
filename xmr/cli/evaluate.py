"""`xmr evaluate`: a saved program on labelled records it has not seen."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xmr.cli.options import Device, InputColumn, OnError, Program, Skipping


class Decoys(StrEnum):
    """What positive records are ranked against."""

    shuffle = "shuffle"


def evaluate(
    folder: Program,
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="File with labelled records.")],
    on_error: Skipping = OnError.fail,
    column: InputColumn = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Column of the label, if not the one used in training. May be repeated.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--set", help="Evaluate only records of this part: train, validation or test.")
    ] = None,
    decoys: Annotated[
        Decoys | None, typer.Option(help="Rank each record of the positive class against shuffles of itself.")
    ] = None,
    unlike: Annotated[
        Path | None,
        typer.Option(help="File of records of another kind, without labels: does the confidence tell them apart?"),
    ] = None,
    device: Device = "auto",
) -> None:
    """Print the metrics of a program on labelled records, as JSON with bootstrap intervals.

    Records that the program was trained on are counted, and the metrics are given without them as well. With `--decoys
    shuffle`, `ranked_above` is the fraction of shuffles that score lower than the sequence they were made of: 0.5 says
    that the program only looks at the composition.
    """
    from xmr.commands.evaluate import assess_file

    result = assess_file(
        folder, source, on_error.value, column, tuple(target or ()), role, device, decoys is not None, unlike
    )
    print(json.dumps(result, indent=2))
