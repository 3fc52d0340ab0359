"""`xmr show`: a recipe as it will run, every default written out."""

from __future__ import annotations

from typing import Annotated

import typer


def show(
    recipe: Annotated[str, typer.Argument(help="A packaged recipe or a path to one.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="section.key=value, any number.")] = None,
) -> None:
    """Print a recipe after overrides, with all defaults, as YAML that runs as it is."""
    from xmr.recipe.load import dump_recipe, load_recipe

    print(dump_recipe(load_recipe(recipe, overrides or [])), end="")
