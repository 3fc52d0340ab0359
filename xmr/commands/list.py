"""`xmr list`: the grid of input transformations, and what is registered of each kind. Imports no torch by itself."""

from __future__ import annotations

from dataclasses import dataclass, field

from xmr.baselines.registry import BASELINES
from xmr.commands.new.registry import DRAFTS
from xmr.core.component import help_of, section_model
from xmr.core.registry import FEATURES, REGISTRIES, TASKS, Registry, encoded_kinds, grid, space_kinds
from xmr.errors import RecipeError, one_of
from xmr.metrics.registry import METRICS
from xmr.recipe.load import recipe_names

_PLAIN = {"tasks": TASKS, "domains": DRAFTS, "domain_features": FEATURES}  # without arguments


@dataclass(frozen=True)
class Listed:
    """One thing that can be named in a recipe. arguments: a line per argument, with its default and meaning."""

    name: str
    summary: str = ""
    arguments: list[str] = field(default_factory=list)


def grid_rows() -> list[list[str]]:
    """The grid with its header: a row per kind of encoded records, a column per space of sources."""
    cells, spaces = grid(), space_kinds()
    rows = [[kind, *(", ".join(cells.get((kind, space), ["-"])) for space in spaces)] for kind in encoded_kinds()]
    return [["", *(f"{space} space" for space in spaces)], *rows]


def names() -> dict[str, list[str]]:
    """Kind -> the registered names."""
    found = {kind: registry.names() for kind, registry in REGISTRIES.items()}
    baselines = list(dict.fromkeys(baseline.name for baseline in BASELINES))
    found |= {kind: registry.names() for kind, registry in _PLAIN.items()}
    return {**found, "metrics": [metric.name for metric in METRICS], "baselines": baselines}


def listed(kind: str) -> list[Listed]:
    """Everything of a kind. Raises RecipeError with the kinds there are."""
    if kind in REGISTRIES:
        return _components(REGISTRIES[kind])
    if kind == "baselines":
        summaries: dict[str, list[str]] = {}
        for baseline in BASELINES:
            summaries.setdefault(baseline.name, []).append(baseline.summary)
        return [Listed(name, "; ".join(dict.fromkeys(found))) for name, found in summaries.items()]
    if kind in _PLAIN:
        return [Listed(entry.name, entry.summary) for entry in _PLAIN[kind]]
    if kind == "metrics":
        return [Listed(metric.name, f"{metric.summary}; {', '.join(metric.tasks)}") for metric in METRICS]
    if kind == "recipes":
        return [Listed(name) for name in recipe_names()]
    raise RecipeError(one_of("list", kind, [*REGISTRIES, *_PLAIN, "metrics", "baselines", "recipes"]))


def _components(registry: Registry) -> list[Listed]:
    found = []
    for entry in registry:
        component = entry.load()
        words = help_of(component)
        arguments = []
        for name, each in section_model(component).model_fields.items():
            default = "required" if each.is_required() else f"default {each.default!r}"
            arguments.append(f"{name} ({default}): {words.get(name, '')}")
        found.append(Listed(entry.name, entry.summary, arguments))
    return found
