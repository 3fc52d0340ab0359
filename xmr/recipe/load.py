"""Load a YAML file (or packaged recipe) with overrides; errors name file and line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from copy import deepcopy
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from xmr.core.component import KINDS, section_model
from xmr.errors import Problem, RecipeError, nearest, printable, shortened
from xmr.recipe.plain_yaml import MAX_DEPTH, read_file, read_text
from xmr.recipe.recipe import Recipe, check_recipe
from xmr.training.settings import TrainingSettings

MAX_CHARACTERS = 100_000  # of an override

# Recipes of version 0.1 that differed from each other in little more than the data set, and what to type now.
_PROMPTED = "image/visual_prompting data.dataset="
RENAMED = {
    **{f"image/{name}": f"{_PROMPTED}{name} encoder.size=32" for name in ("cifar10", "cifar100", "svhn")},
    **{
        f"image/{name}": _PROMPTED + name
        for name in ("dtd", "flowers102", "food101", "oxford_pets", "stanford_cars", "sun397", "ucf101")
    },
    "image/gtsrb": f"{_PROMPTED}gtsrb encoder.size=32 encoder.resize=stretch",
    "image/eurosat": f"{_PROMPTED}eurosat encoder.size=64 data.split.by=random data.split.test=8100",
}


def recipes_folder() -> Path:
    """The packaged recipes: next to the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "packaged_recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Every packaged recipe, as `protein/amp`."""
    folder = recipes_folder()
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


def find_recipe(name: str) -> Path:
    """A recipe by path, or a packaged one by name. Raises RecipeError with the nearest or the new name."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if os.path.isfile(path):
            return path
        found = "a folder or a device" if os.path.exists(path) else "no such file"
        raise RecipeError(Problem(name, found, "a recipe file", nearest(name, recipe_names())))
    if name in recipe_names():
        return recipes_folder() / f"{name}.yaml"
    if name in RENAMED:
        raise RecipeError(Problem(name, "a recipe of version 0.1", f"its new name: xmr run {RENAMED[name]}"))
    raise RecipeError(
        Problem(
            name,
            "no such recipe",
            "a path ending in .yaml or a name from `xmr list recipes` (`xmr new` writes one from your data)",
            nearest(name, recipe_names()),
        )
    )


def load_recipe(name: str | Path | dict[str, Any], overrides: Sequence[str] = ()) -> Recipe:
    """Read, override and check a recipe. Raises RecipeError with every problem, each with file and line.

    name: of a packaged recipe, a path, or the sections themselves.
    """
    path = Path("recipe") if isinstance(name, dict) else find_recipe(str(name))
    raw, lines = (deepcopy(name), {}) if isinstance(name, dict) else read_file(path)
    if not isinstance(raw, dict):
        raise RecipeError(Problem(f"{path}:1", "no sections" if raw is None else repr(raw), "a recipe's sections"))
    changed: dict[tuple[str, ...], str] = {}
    for override in overrides:
        keys = _apply(raw, override)
        changed[keys] = override

    def place(field: tuple[str | int, ...]) -> str:
        """Where a field was written: an override, or a line of the file."""
        dotted = shortened(".".join(map(str, field)), 100)
        for keys, override in changed.items():
            if tuple(map(str, field[: len(keys)])) == keys or keys[: len(field)] == tuple(map(str, field)):
                return f"override {shortened(override, 80)}: {dotted}"
        known: tuple[str | int, ...] = field
        while known and known not in lines:
            known = known[:-1]
        return f"{path}:{lines.get(known, 1)}: {dotted or 'recipe'}"

    recipe = check_recipe(raw, place)
    for field in ("path", "test_path", "labels_path", "mask_path", "wild_type"):
        if (stated := getattr(recipe.data, field)) is not None and ("data", field) not in changed:
            several = isinstance(stated, list)
            found = [_beside(path.parent, one) for one in (stated if several else [stated])]
            setattr(recipe.data, field, found if several else found[0])
    return recipe


def _beside(folder: Path, stated: str) -> str:
    """A relative path as it is where it exists, else below the recipe's folder."""
    beside = os.path.join(folder, stated)
    return beside if not os.path.exists(stated) and os.path.exists(beside) else stated


def as_override(name: str, value: Any) -> str:
    """A field of a recipe as an argument of Python, as an override: `training__epochs`, 3 -> `training.epochs=3`."""
    plain = value.item() if hasattr(value, "item") else str(value) if isinstance(value, os.PathLike) else value
    word = isinstance(plain, str) and re.fullmatch(r"[\w./-]+", plain)
    return f"{name.replace('__', '.')}={plain if word else json.dumps(plain)}"


def as_values(overrides: Sequence[str]) -> dict[str, Any]:
    """Plain data from overrides alone: ["width=3"] -> {"width": 3}. Raises RecipeError for one without `=`."""
    raw: dict[str, Any] = {}
    for override in overrides:
        _apply(raw, override)
    return raw


def _apply(raw: dict[str, Any], override: str) -> tuple[str, ...]:
    """Set `section.key=value` in plain data; the value is YAML, with the rules of a recipe file."""
    left, equals, right = override.partition("=")
    keys = tuple(left.strip().split("."))
    place = f"override {shortened(override, 80)}"
    if len(override) > MAX_CHARACTERS:
        raise RecipeError(Problem(place, f"{len(override):,} characters", f"at most {MAX_CHARACTERS:,}"))
    if not equals or not all(keys) or len(keys) > MAX_DEPTH:
        raise RecipeError(
            Problem(f"override {shortened(override, 80)!r}", "no section.key=value", "e.g. training.epochs=5")
        )
    value, _ = read_text(right, lambda _: place)
    node = raw
    for key in keys[:-1]:
        inner = node.get(key)
        if isinstance(inner, str):  # `source: identity` and `source.width=8`
            inner = {"name": inner}
        node[key] = inner if isinstance(inner, dict) else {}
        node = node[key]
    if keys[-1] == "name" and isinstance(node.get("name"), str) and node["name"] != value:
        node.clear()  # another component has different arguments
    node[keys[-1]] = value
    return keys


def dump_recipe(recipe: Recipe, comment: str = "") -> str:
    """The recipe as YAML with all defaults, which can be run again."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    out = StringIO()
    body = _plain(recipe.model_dump())
    fields: dict[str, Any] = {"training": TrainingSettings.model_fields}
    fields |= {kind: section_model(KINDS[kind].get(body[kind]["name"])).model_fields for kind in KINDS}
    yaml.dump({key: _without_nulls(value, fields.get(key, {})) for key, value in body.items()}, out)
    return (f"# {printable(comment)}\n" if comment else "") + out.getvalue()


def _plain(value: Any) -> Any:
    """Tuples as lists: YAML has no others."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value


def _without_nulls(value: Any, fields: dict[str, Any]) -> Any:
    """Omit null values, except where null is not the default (training.max_grad_norm: null)."""
    if not isinstance(value, dict):
        return value
    said = {key for key, field in fields.items() if field.default is not None}
    return {key: _without_nulls(inner, {}) for key, inner in value.items() if inner is not None or key in said}
