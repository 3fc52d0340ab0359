"""`xmr check`: validate a recipe, show shapes, parameters, memory and time, without training."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from xmr.cli.lines import line
from xmr.cli.options import Overrides


def check(
    recipe: Annotated[
        str | None, typer.Argument(help="Name of a packaged recipe (such as protein/amp), or path to a recipe.")
    ] = None,
    overrides: Overrides = None,
    every: Annotated[
        bool, typer.Option("--all", help="Validate every packaged recipe, without loading a model.")
    ] = False,
) -> int:
    """Validate a recipe and print shapes, parameters, memory and time; nothing is trained."""
    from xmr.errors import RecipeError
    from xmr.recipe.load import load_recipe, recipe_names

    console = Console(highlight=False)
    if every:
        wrong = 0
        for name in recipe_names():
            try:
                load_recipe(name)
                console.print(f"ok     {name}")
            except RecipeError as error:
                wrong += 1
                line(console, f"WRONG  {name}")
                for text in str(error).splitlines():
                    line(console, text)
        return 2 if wrong else 0
    if recipe is None:
        raise RecipeError("check needs a recipe, or --all")
    from xmr.commands.check import estimate

    for name, value in estimate(load_recipe(recipe, overrides or [])):
        line(console, f"{name:<24} {value}")
    return 0
