"""`xmr new`: a recipe for the user's own file, written after a look at it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line

MOST_LINES = 20  # of records left out


def new(
    domain: Annotated[str, typer.Argument(help="protein, dna, text, table, series, audio, image or forecast")],
    source: Annotated[
        Path,
        typer.Argument(
            metavar="MY_FILE",
            help="FASTA, CSV, TSV, Parquet, .ts or .npz with labels; a folder of pictures or recordings, one class a "
            "subfolder; for forecast a table over time.",
        ),
    ],
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Recipe to write; by default MY_FILE.yaml.")] = None,
    column: Annotated[
        str | None, typer.Option("--input", help="Column of the sequences (forecast: of time), where not the usual.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Column of the label, where not the usual; again for several labels.")
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(help="Column of a table, of series or over time that is not read; again for several."),
    ] = None,
    on_bad: Annotated[str, typer.Option(help="Records that cannot be read: fail, or skip and list.")] = "fail",
    force: Annotated[bool, typer.Option(help="Replace a recipe that is there.")] = False,
) -> None:
    """Write a recipe for your file, saying what was found in it."""
    from xmr.data.records import Skipped
    from xmr.errors import RecipeError, one_of
    from xmr.files import write_text
    from xmr.recipe.draft import draft

    path = out or source.with_suffix(".yaml")
    if path.exists() and not force:
        raise RecipeError(f"{path}: found a file; expected none (--force replaces it)")
    if on_bad not in ("fail", "skip"):
        raise RecipeError(one_of("--on-bad", on_bad, ("fail", "skip")))
    skipped = Skipped()
    made = draft(domain, source, path, column, tuple(target or ()), on_bad, skipped, tuple(skip or ()))
    write_text(path, made.text(path))
    console = Console(highlight=False)
    for place, name, reason in skipped.rows[:MOST_LINES]:
        line(console, f"left out: {place}: record {name!r}: {reason}")
    if len(skipped) > MOST_LINES:
        console.print(f"and {len(skipped) - MOST_LINES:,} more (`xmr run` lists all in skipped.csv)")
    for text in made.found:
        line(console, text)
    line(console, f"wrote {path}; now: xmr check {path}, then xmr run {path}")
