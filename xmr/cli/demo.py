"""`xmr demo`: a first run in each domain, without any download."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Device, Out


class DemoDomain(StrEnum):
    """The domains that have a demo."""

    protein = "protein"
    molecule = "molecule"
    series = "series"
    audio = "audio"
    image = "image"
    table = "table"
    forecast = "forecast"


def demo(
    domain: Annotated[DemoDomain, typer.Argument(help="The kind of data to see.")] = DemoDomain.protein,
    out: Out = None,
    device: Device = "auto",
) -> None:
    """Train and evaluate a small example of one domain.

    Data and source model come inside pip packages. Each demo takes at most three minutes on two CPU cores.
    """
    from xmr.cli.run import beware, run_once
    from xmr.commands.demo import DEMOS, load_demo

    chosen = DEMOS[domain.value]
    console = Console(stderr=True, highlight=False)
    folder = out or Path("runs") / f"demo-{domain.value}"
    recipe = load_demo(domain.value, lambda text: line(console, text))
    result = run_once(
        recipe,
        folder,
        chosen.recipe,
        console,
        resume=False,
        force=True,
        controls=False,
        device=device,
        track=None,
        quiet=False,
    )
    beware(console, result)
    line(console, f"the recipe: xmr show {chosen.recipe}; for your own data: {chosen.yours}")
