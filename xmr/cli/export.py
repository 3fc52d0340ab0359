"""`xmr export`: a program as a file that other software runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xmr.cli.options import Program


def export(
    folder: Program,
    onnx: Annotated[Path, typer.Option("--onnx", metavar="FILE", help="ONNX file to write, and FILE.json next to it.")],
    records: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Records to check the file on. [default: the run's test records]"),
    ] = None,
) -> None:
    """Write a program with its source as one ONNX file, which needs onnxruntime alone.

    The JSON next to it says what the inputs are and how a record becomes them. Batches and sequences may be of any
    size. The file is compared with the program on real records before it is put in place.
    """
    from xmr.commands.export import export as export_run

    done = export_run(folder, onnx, records)
    print(done.model)
    print(done.description)
    print(f"  largest difference from the program on {done.records} records: {done.difference:.1e}")
