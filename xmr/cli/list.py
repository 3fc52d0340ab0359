"""`xmr list`: the grid, and what is registered of each kind. Imports no torch."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from xmr.cli.lines import line


def catalogue(
    kind: Annotated[str | None, typer.Argument(help="One of encoders, transforms, sources, outputs, recipes.")] = None,
) -> None:
    """List encoders, transforms, sources, outputs or recipes, with their arguments."""
    from xmr.core.registry import ENCODED_KINDS, REGISTRIES, SPACE_KINDS, grid
    from xmr.errors import RecipeError, one_of

    console = Console(highlight=False)
    if kind is None:
        cells = grid()
        table = Table("", *(f"{space} space" for space in SPACE_KINDS), title="Input transformations")
        for encoded in ENCODED_KINDS:
            table.add_row(encoded, *(", ".join(cells.get((encoded, space), ["-"])) for space in SPACE_KINDS))
        console.print(table)
        for name, registry in REGISTRIES.items():
            console.print(f"{name}: {', '.join(registry.names())}", soft_wrap=True)
        return
    if kind == "recipes":
        from xmr.recipe.load import recipe_names

        console.print("\n".join(recipe_names()))
        return
    if kind not in REGISTRIES:
        raise RecipeError(one_of("list", kind, [*REGISTRIES, "recipes"]))
    from xmr.core.component import help_of, section_model

    for entry in REGISTRIES[kind]:
        console.print(f"[bold]{entry.name}[/bold]: {entry.summary}", soft_wrap=True)
        words = help_of(entry.load())
        for name, field in section_model(entry.load()).model_fields.items():
            default = "required" if field.is_required() else f"default {field.default!r}"
            line(console, f"    {name} ({default}): {words.get(name, '')}")
