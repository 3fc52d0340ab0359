"""`xmr show`: a recipe as it will run, every default written out."""

from __future__ import annotations

from xmr.cli.options import Overrides, Recipe


def show(
    recipe: Recipe,
    overrides: Overrides = None,
) -> None:
    """Print a recipe with its overrides and all defaults, as YAML that can be run."""
    from xmr.commands.show import show as shown

    print(shown(recipe, overrides or []), end="")
