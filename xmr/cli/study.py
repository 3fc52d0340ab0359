"""`xmr study`: one table of results from one file."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Address, Cpus, EngineName, Engines, Gpus, Jobs, Out


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Study file, such as studies/demo.yaml.")],
    seeds: Annotated[int | None, typer.Option(min=1, help="Number of seeds per cell, if not the file's.")] = None,
    recipe: Annotated[str | None, typer.Option(help="Recipe to study, if not the file's.")] = None,
    jobs: Jobs = None,
    engine: EngineName = Engines.local,
    address: Address = None,
    cpus: Cpus = 1,
    gpus: Gpus = 0,
    save: Annotated[Path | None, typer.Option(help="Also write the result as JSON here (results/NAME.json).")] = None,
    out: Out = None,
) -> None:
    """Train the rows of a study in all its columns and print the table as Markdown.

    Every row gets the mean, the standard deviation and a verdict by a paired test over the seeds. An interrupted study
    resumes; with more rows, columns or seeds, only the new runs are trained. The folder also holds JSON and HTML.
    """
    from xmr.commands.study.pages import markdown
    from xmr.commands.study.result import as_json
    from xmr.commands.study.settings import load_study
    from xmr.commands.study.study import study as run_study
    from xmr.commands.workers.base import Engine
    from xmr.core.files import write_json

    changed = {name: value for name, value in (("seeds", seeds), ("recipe", recipe)) if value is not None}
    settings = load_study(file).model_copy(update=changed)
    options = [word for name, value in changed.items() for word in (f"--{name}", str(value))]
    command = shlex.join(["xmr", "study", str(file), *options])
    folder = out or Path("runs") / "study" / "-".join([file.stem, *([Path(recipe).stem] if recipe else [])])
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    result = run_study(
        settings, folder, command, Engine(engine.value, jobs, address, cpus, gpus), log=lambda text: line(errors, text)
    )
    print(markdown(result))
    for cell, why in result.failures.items():
        line(console, f"failed: {cell}: {why}")
    if save is not None:
        write_json(save, as_json(result))
    line(errors, f"report: {folder / 'study.html'}")
