"""`xmr show`: a recipe as it will run."""

from __future__ import annotations

from xmr.recipe.load import dump_recipe, load_recipe


def show(name: str, overrides: list[str]) -> str:
    """A recipe with its overrides and all defaults, as YAML. Raises RecipeError where it is wrong."""
    return dump_recipe(load_recipe(name, overrides))
