"""`xmr new`: a recipe for the user's own file, written after a look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Domain, OnError, Skipping, SplitBy
from xmr.cli.remedies import FLAGS, as_options

MAX_LINES = 5  # of skipped records


def new(
    domain: Domain,
    source: Annotated[
        list[Path],
        typer.Argument(
            metavar="MY_FILE...",
            help="FASTA, CSV, TSV, JSON Lines, Parquet, Excel, .ts or .npz with labels, or several (a file per class "
            "or part); a folder with one file or subfolder per class; for forecast, a table with a time column.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Recipe to write. [default: MY_FILE.yaml]")] = None,
    column: Annotated[
        str | None, typer.Option("--input", help="Column of the input (for forecast, of the time).")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Column of the label. May be repeated for several labels.")
    ] = None,
    record_id: Annotated[str | None, typer.Option("--id", help="Column of the record ids.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the time, for series of one row per time step.")] = None,
    time_step: Annotated[
        float | None, typer.Option(help="Resample such series to steps of this length (seconds of dates).")
    ] = None,
    group: Annotated[str | None, typer.Option(help="Column that says who a record comes from.")] = None,
    pattern: Annotated[
        str | None,
        typer.Option(help="File names or FASTA headers that hold the label, such as {label}_{take} or {id}|{label}."),
    ] = None,
    wild_type: Annotated[
        str | None, typer.Option(help="For a column of mutations: the sequence that they change, or a FASTA file.")
    ] = None,
    offset: Annotated[
        int | None, typer.Option(help="Number of the first residue of the wild type, less one, where it is not 0.")
    ] = None,
    task: Annotated[str | None, typer.Option(help="Task, if not the one that the labels suggest.")] = None,
    split: Annotated[
        SplitBy | None, typer.Option(help="How to choose the test records, if not as the file suggests.")
    ] = None,
    ignore_column: Annotated[
        list[str] | None,
        typer.Option(help="Column to ignore. May be repeated."),
    ] = None,
    on_error: Skipping = OnError.fail,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing recipe.")] = False,
) -> None:
    """Inspect your file and write a recipe for it."""
    from xmr.commands.new.base import Asked
    from xmr.commands.new.new import draft
    from xmr.core.files import write_text
    from xmr.errors import RecipeError

    path = out or source[0].with_name(source[0].name.removesuffix(".gz")).with_suffix(".yaml")
    if path.exists() and not force:
        raise RecipeError(f"{path}: found a file; expected none (--force replaces it)")
    asked = Asked(
        column,
        tuple(target or ()),
        record_id,
        time,
        group,
        pattern,
        task,
        split and split.value,
        tuple(ignore_column or ()),
        on_error.value,
        wild_type,
        offset,
        time_step,
    )
    made = draft(domain, source, path, asked)
    write_text(path, made.text(path))
    console = Console(highlight=False)
    for place, name, reason in made.skipped.rows[:MAX_LINES]:
        line(console, f"skipped: {place}: record {name!r}: {reason}")
    if len(made.skipped) > MAX_LINES:
        console.print(f"and {len(made.skipped) - MAX_LINES:,} more (`xmr run` lists all in skipped.csv)")
    for text in made.found:
        line(console, as_options(text, FLAGS.values()))
    line(console, f"wrote {path}; now: xmr check {path}, then xmr run {path}")
