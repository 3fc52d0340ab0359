"""`xmr ask`: the source's answers to all training records, as data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Device, Overrides, Recipe


def ask(
    recipe: Recipe,
    overrides: Overrides = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npz file to write.")] = Path("answers.npz"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file, if it exists.")] = False,
    device: Device = "cpu",
) -> None:
    """Ask a recipe's source about every training record once, and write its answers.

    `output: {name: primed_mapping, answers: FILE}` teaches another, local source from them (AReS). An interrupted call
    continues where it stopped; a record that was answered is not asked about again.
    """
    from xmr.commands.ask import ask as ask_all
    from xmr.recipe.load import load_recipe

    console = Console(stderr=True, highlight=False)
    ask_all(load_recipe(recipe, overrides or []), out, device=device, force=force, log=lambda text: line(console, text))
