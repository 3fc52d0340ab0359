"""`xmr sweep`: values of recipe fields, tried on validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line
from xmr.cli.options import Address, Cpus, EngineName, Engines, Gpus, Jobs, Out, Recipe


def sweep(
    recipe: Recipe,
    overrides: Annotated[
        list[str], typer.Argument(help="Values to try: section.key=a,b,c or section.key=LOW..HIGH. May be repeated.")
    ],
    out: Out = None,
    seeds: Annotated[int, typer.Option(min=1, help="Number of seeds per combination; their mean decides.")] = 1,
    max_trials: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of combinations; they are sampled at random.")
    ] = None,
    jobs: Jobs = None,
    engine: EngineName = Engines.local,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    leave_one_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-out",
            help="Choose before training by leave-one-out on the training records (output ridge only; needs no "
            "validation data), then train only the chosen combination. Cannot choose learning rates.",
        ),
    ] = False,
) -> None:
    """Try combinations of recipe values and choose the best on validation data.

    Only the chosen combination is evaluated on the test set. An interrupted sweep resumes; with more values, only the
    new combinations are trained.
    """
    from xmr.commands.sweep.sweep import draw_trials
    from xmr.commands.sweep.sweep import sweep as run_sweep
    from xmr.commands.workers.base import Engine

    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    folder = out or Path("runs") / "sweep" / Path(recipe).with_suffix("").name
    trials = run_sweep(
        recipe,
        overrides,
        folder,
        seeds,
        max_trials,
        log=lambda text: line(errors, text),
        engine=Engine(engine.value, jobs, address, cpus, gpus),
        leave_one_out=leave_one_out,
    )
    chosen_by = "leave-one-out" if leave_one_out else "validation"
    draw_trials(folder, trials, chosen_by)
    varied = [index for index in range(len(overrides)) if len({trial.overrides[index] for trial in trials}) > 1]
    table = Table()
    for index in varied:
        table.add_column(overrides[index].partition("=")[0])
    for column in (chosen_by, "seconds"):
        table.add_column(column, justify="right")
    for trial in trials:
        values = [trial.overrides[index].partition("=")[2] for index in varied]
        seconds = sum(result["seconds"]["train"] for result in trial.results)
        table.add_row(*values, f"{trial.score:.4f}", f"{seconds:.0f}")
    console.print(table)
    best = trials[0]
    metric = best.results[0]["metric"]
    tests = ", ".join(f"{result['test'][metric]:.3f}" for result in best.results)
    line(console, f"chosen: {' '.join(best.overrides)}; test {metric} {tests}")
    line(console, f"table and plot: {folder / 'sweep.csv'}, {folder / 'sweep.svg'}")
