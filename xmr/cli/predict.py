"""`xmr predict`: predictions for any file that the encoder reads, streamed, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import (
    Address,
    Cpus,
    Device,
    Engines,
    Form,
    Gpus,
    InputColumn,
    OnError,
    Precision,
    Program,
    Skipping,
)


def predict(
    folder: Program,
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="FASTA, CSV, TSV, JSON Lines, Parquet or Excel (also .gz), .ts or .npz; images or audio clips, "
            "or a folder of them; several files are read as one. Also addresses of fsspec, such as s3://bucket/x.fasta.",
        ),
    ],
    out: Annotated[
        str | None,
        typer.Option(
            "-o",
            "--out",
            help="CSV or .parquet file to write; with --engine, --jobs or torchrun the folder (or address) of the "
            "parts. [default: INPUT.predictions.csv, or INPUT.predictions]",
        ),
    ] = None,
    on_error: Skipping = OnError.fail,
    column: InputColumn = None,
    identifier: Annotated[str | None, typer.Option("--id", help="Column of the record ids.")] = None,
    force: Annotated[
        bool,
        typer.Option("--force", help="Start over instead of resuming, and replace a file that is no prediction."),
    ] = False,
    escape_formulas: Annotated[
        bool,
        typer.Option(
            "--escape-formulas",
            help="Put an apostrophe before ids and labels that a spreadsheet would take for a formula.",
        ),
    ] = False,
    keep: Annotated[
        bool,
        typer.Option(
            "--keep", help="Also write the input of each record (and its FASTA header) at the end of its row."
        ),
    ] = False,
    samples: Annotated[
        int, typer.Option(min=0, max=10_000, help="Sampled loops per record, of programs that fill hidden letters.")
    ] = 0,
    queries: Annotated[
        int | None,
        typer.Option(min=0, help="Most questions to a source that only answers (an API, an ONNX file)."),
    ] = None,
    calibrate: Annotated[
        Path | None,
        typer.Option(
            help="Labelled records that were not in training: adds the classes (prediction_set) or the interval "
            "(lower, upper) that hold the truth with the probability --coverage."
        ),
    ] = None,
    coverage: Annotated[float, typer.Option(min=0.01, max=0.999, help="Probability for --calibrate.")] = 0.9,
    precision: Annotated[
        Precision, typer.Option(help="Number format; bf16 is faster where the processor supports it.")
    ] = Precision.full,
    device: Device = "auto",
    engine: Annotated[
        Engines | None,
        typer.Option(help="Write parts, computed by local processes (--jobs) or on a Ray cluster (extra scale)."),
    ] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes. [default: 1; on Ray, as many as fit]")] = None,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    form: Annotated[Form, typer.Option("--format", help="Format of the parts.")] = Form.parquet,
    part: Annotated[
        int, typer.Option("--part-records", min=1, help="Minimum number of records per part; parts hold whole chunks.")
    ] = 16_384,
) -> None:
    """Predict new records of any number; order and ids are kept.

    Columns `p[...]` hold probabilities, averaged over the programs of the ensemble; `std[...]` is the standard
    deviation between these programs (0 for one program): how far they disagree, not an interval that holds the truth.
    `unlike_training` says why a record is unlike the training data, so that its prediction is an extrapolation: its
    length or another fact is beyond 1.5 times the range of training, or its composition or the source's features lie
    farther from their mean than those of 99.5 % of the training records.
    An interrupted prediction resumes where it stopped.
    """
    from xmr.commands.predict_parts import predict_parts
    from xmr.commands.predict_saved import predict_any
    from xmr.commands.workers.base import Engine
    from xmr.commands.workers.ranks import processes

    console = Console(stderr=True, highlight=False)
    in_parts = engine is not None or jobs is not None or processes() > 1
    target = out or f"{source[0].rstrip('/')}.predictions{'' if in_parts else '.csv'}"
    with console.status("loading") as status:
        settings: dict[str, Any] = {
            "on_error": on_error.value,
            "input_column": column,
            "id_column": identifier,
            "force": force,
            "precision": precision.value,
            "device": device,
            "escape_formulas": escape_formulas,
            "keep": keep,
            "queries": queries,
            "samples": samples,
            "calibrate": calibrate,
            "coverage": coverage,
            "report": lambda n, rate: status.update(f"{n:,} records, {rate:,.0f} per second"),
        }
        where = Engine((engine or Engines.local).value, jobs, address, cpus, gpus)
        if in_parts:
            done = predict_parts(folder, source, target, where, form=form.value, part=part, **settings)
        else:
            done = predict_any(folder, source, target, **settings)
    if done is None:  # another process of torchrun says it
        return
    for note in done.notes:
        line(console, f"note: {note}")
    skipped = f", {done.skipped:,} skipped (listed in {done.skipped_file})" if done.skipped else ""
    line(console, f"{done.written:,} records{skipped} -> {target}")
