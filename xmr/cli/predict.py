"""`xmr predict`: answers for any file the encoder reads, streamed, resumable."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console


def predict(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder, or its program folder.")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="FASTA, CSV, TSV, Parquet (.gz too), .ts or .npz; a folder of pictures or recordings."
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="CSV to write; by default INPUT.predictions.csv.")
    ] = None,
    on_bad: Annotated[str, typer.Option(help="Records that cannot be read: fail, or skip and list.")] = "fail",
    column: Annotated[
        str | None,
        typer.Option("--input", help="Column of the input (forecasts: of time), if not the trained or usual one."),
    ] = None,
    identifier: Annotated[str | None, typer.Option("--id", help="Column of the ids.")] = None,
    force: Annotated[bool, typer.Option(help="Begin anew instead of going on with a stopped prediction.")] = False,
    precision: Annotated[str, typer.Option(help="full, or bf16 where the processor computes in it.")] = "full",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps.")] = "auto",
) -> None:
    """Score new records: order and ids are kept; a prediction that was killed goes on where it stopped."""
    from xmr.errors import DataError, one_of

    for option, value, known in (
        ("--on-bad", on_bad, ("fail", "skip")),
        ("--precision", precision, ("full", "bf16")),
    ):
        if value not in known:
            raise DataError(one_of(option, value, known))
    from xmr.prediction import predict_file

    target = out or source.with_name(f"{source.name}.predictions.csv")
    console = Console(stderr=True, highlight=False)
    mode: Literal["fail", "skip"] = "skip" if on_bad == "skip" else "fail"
    with console.status("loading") as status:
        done = predict_file(
            folder,
            source,
            target,
            on_bad=mode,
            input_column=column,
            id_column=identifier,
            force=force,
            precision=precision,
            device=device,
            report=lambda n, rate: status.update(f"{n:,} records, {rate:,.0f} a second"),
        )
    for note in done.notes:
        console.print(note, markup=False, soft_wrap=True)
    skipped = f", {done.skipped:,} skipped (listed in {done.skipped_file})" if done.skipped else ""
    console.print(f"{done.written:,} records{skipped} -> {target}", markup=False, soft_wrap=True)
