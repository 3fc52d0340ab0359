"""`xmr scan`: cheap scores of sources and depths, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line
from xmr.cli.options import Address, Cpus, EngineName, Engines, Gpus, Jobs, Out, Overrides, Recipe


def scan(
    recipe: Recipe,
    overrides: Overrides = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", "--sources", help="Sources to score, separated by commas. May be repeated."),
    ] = None,
    spaces: Annotated[
        bool, typer.Option("--spaces", help="Also score a source of every space that the data can be put into.")
    ] = False,
    tangent: Annotated[
        bool, typer.Option("--tangent", help="Also score whether the transform can tell records apart.")
    ] = False,
    reference: Annotated[
        Path | None,
        typer.Option(
            help="Records of the kind the source was trained on: a text file with one per line, or a folder of images."
        ),
    ] = None,
    jobs: Jobs = None,
    engine: EngineName = Engines.local,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    out: Out = None,
) -> None:
    """Rank sources without training.

    One forward pass over the training set per source gives LogME (the ranking), a cross-validated probe, H-score and
    LEEP, with standard errors. With --reference also the sliced Wasserstein distance of the target's features to the
    source's own (smaller is nearer). LLR compares the evidence of the source's class logits with that of its features;
    above 0 a label mapping may do better than a linear probe. The test set is not used. Sources of other spaces get a
    transform that fits: --spaces ranks language, image and audio models for the same series. --tangent adds the
    effective rank of the gradients of some records (one: the transform moves all alike) and their alignment with the
    targets.
    """
    from xmr.commands.scan.scan import of_every_space
    from xmr.commands.scan.scan import scan as run_scan
    from xmr.commands.sweep.combinations import separated
    from xmr.commands.workers.base import Engine

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "scan" / Path(recipe).with_suffix("").name
    rows = run_scan(
        recipe,
        overrides or [],
        [
            *(each for asked in source or [] for each in separated(asked)),
            *(of_every_space(recipe, overrides or []) if spaces else []),
        ],
        folder,
        log=lambda text: line(errors, text),
        reference=reference,
        with_tangent=tangent,
        engine=Engine(engine.value, jobs, address, cpus, gpus),
    )
    kernel = ["tangent rank", "alignment"] if tangent else []
    table = Table()
    distance = ["distance"] if reference is not None else []
    for column in (
        "source",
        "transform",
        "layers",
        "LogME",
        "probe",
        "H-score",
        "LEEP",
        "LLR",
        *kernel,
        *distance,
        "seconds",
    ):
        table.add_column(column, justify="left" if column == "source" else "right")
    for row in rows:
        table.add_row(
            row.source,
            row.transform,
            "" if row.layers is None else str(row.layers),
            f"{row.log_me:.3f} ± {row.log_me_error:.3f}",
            f"{row.probe:.3f} ± {row.probe_error:.3f}",
            *(f"{value:.3f}" for value in (row.h_score, row.leep, row.llr)),
            *([f"{row.tangent_rank:.1f}", f"{row.tangent_alignment:.3f}"] if tangent else []),
            *([f"{row.wasserstein:.3f}"] if reference is not None else []),
            f"{row.seconds:.1f}",
        )
    console.print(table)
    line(console, f"table: {folder / 'scan.csv'}")
