"""`xmr evaluate`: a saved program on labelled records it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from xmr.cli.options import Device, InputColumn, OnError, Program, Skipping


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
    device: Device = "auto",
) -> None:
    """Print the metrics of a program on labelled records, as JSON with bootstrap intervals.

    Records that the program was trained on are counted, and the metrics are given without them as well.
    """
    from xmr.commands.evaluate import assess_file

    result = assess_file(folder, source, on_error.value, column, tuple(target or ()), role, device)
    print(json.dumps(result, indent=2))
