"""`xmr evaluate`: a saved program on labelled records it has not seen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or its program folder.")],
    source: Annotated[Path, typer.Argument(metavar="INPUT", help="A labelled file.")],
    on_bad: Annotated[str, typer.Option(help="Records that cannot be read: fail, or skip.")] = "fail",
    column: Annotated[
        str | None,
        typer.Option("--input", help="Column of the input (forecasts: of time), if not the trained or usual one."),
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Column of the label, if not the trained or usual one.")
    ] = None,
    role: Annotated[
        str | None, typer.Option("--set", help="Only records of this SET: train, validation or test.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Print the metrics of a program on a labelled file, as JSON with bootstrap intervals."""
    from xmr.assessment import assess_file

    result = assess_file(folder, source, on_bad, column, tuple(target or ()), role, device)
    print(json.dumps(result, indent=2))
