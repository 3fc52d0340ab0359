"""From a YAML file (or the name of a packaged recipe) and overrides to a checked recipe with lines in its errors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from xmr.component import KINDS, schema
from xmr.errors import Problem, RecipeError, nearest
from xmr.recipe.schema import Recipe, check_recipe
from xmr.training.settings import TrainingSettings

MOST_BYTES = 1_000_000


def recipes_folder() -> Path:
    """The packaged recipes: beside the package in a checkout, inside it in a wheel."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "packaged_recipes"
    return inside if inside.is_dir() else package.parent / "recipes"


def recipe_names() -> list[str]:
    """Every packaged recipe, as `protein/amp`."""
    folder = recipes_folder()
    return sorted(str(path.relative_to(folder).with_suffix("")) for path in folder.rglob("*.yaml"))


def find_recipe(name: str) -> Path:
    """A recipe by path, or a packaged one by name. Raises RecipeError with the nearest name."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if path.is_file():
            return path
        raise RecipeError(Problem(name, "no such file", "a recipe file", nearest(name, recipe_names())))
    if name in recipe_names():
        return recipes_folder() / f"{name}.yaml"
    raise RecipeError(
        Problem(
            name,
            "no such recipe",
            "a path ending in .yaml or a name from `xmr list recipes`",
            nearest(name, recipe_names()),
        )
    )


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read, override and check a recipe. Raises RecipeError with every problem, each with file and line."""
    path = find_recipe(str(name))
    raw, lines = read_yaml(path)
    changed: dict[tuple[str, ...], str] = {}
    for override in overrides:
        keys = _apply(raw, override)
        changed[keys] = override

    def place(field: tuple[str | int, ...]) -> str:
        dotted = ".".join(map(str, field))
        for keys, override in changed.items():
            if tuple(map(str, field[: len(keys)])) == keys or keys[: len(field)] == tuple(map(str, field)):
                return f"override {override}: {dotted}"
        known: tuple[str | int, ...] = field
        while known and known not in lines:
            known = known[:-1]
        return f"{path}:{lines.get(known, 1)}: {dotted or 'recipe'}"

    recipe = check_recipe(raw, place)
    for field in ("path", "test_path"):
        stated = getattr(recipe.data, field)
        if stated is not None and not Path(stated).is_absolute() and ("data", field) not in changed:
            beside = path.parent / stated
            if beside.exists() and not Path(stated).exists():
                setattr(recipe.data, field, str(beside))
    return recipe


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    """Safe YAML 1.2 -> plain data, and the line of every key. Duplicate keys, tags and aliases are refused."""
    if path.stat().st_size > MOST_BYTES:
        raise RecipeError(Problem(str(path), f"{path.stat().st_size} bytes", f"a recipe of at most {MOST_BYTES}"))
    yaml = YAML(typ="rt", pure=True)
    try:
        text = path.read_text(encoding="utf-8")
        tree = yaml.load(text)
    except UnicodeDecodeError as error:
        raise RecipeError(Problem(str(path), "bytes that are not UTF-8", "a text file")) from error
    except DuplicateKeyError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(Problem(f"{path}:{line}", str(error.problem).splitlines()[0], "each key once")) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise RecipeError(
            Problem(f"{path}:{mark.line + 1 if mark else 1}", str(error.problem or "broken YAML"), "YAML 1.2")
        ) from error
    except YAMLError as error:
        raise RecipeError(Problem(str(path), str(error).splitlines()[0], "YAML 1.2")) from error
    if not isinstance(tree, CommentedMap):
        raise RecipeError(
            Problem(f"{path}:1", "no sections" if tree is None else type(tree).__name__, "a recipe's sections")
        )
    lines: dict[tuple[str | int, ...], int] = {}
    seen: set[int] = set()

    def plain(node: Any, where: tuple[str | int, ...]) -> Any:
        tag = getattr(getattr(node, "tag", None), "value", None)
        if tag is not None:
            raise RecipeError(Problem(f"{path}:{lines.get(where, 1)}", f"the YAML tag {tag}", "plain values"))
        if isinstance(node, CommentedMap | CommentedSeq):
            if id(node) in seen:
                raise RecipeError(Problem(f"{path}:{lines.get(where, 1)}", "a YAML alias", "values written out"))
            seen.add(id(node))
        if isinstance(node, CommentedMap):
            result = {}
            for key in node:
                lines[(*where, str(key))] = node.lc.key(key)[0] + 1
                result[str(key)] = plain(node[key], (*where, str(key)))
            return result
        if isinstance(node, CommentedSeq):
            for index in range(len(node)):
                lines[(*where, index)] = node.lc.item(index)[0] + 1
            return [plain(item, (*where, index)) for index, item in enumerate(node)]
        return _scalar(node)

    return plain(tree, ()), lines


def _scalar(node: Any) -> Any:
    """ruamel's scalar types (which remember their notation) as Python's own."""
    if node is None or isinstance(node, bool):
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return str(node)


def _apply(raw: dict[str, Any], override: str) -> tuple[str, ...]:
    """Put `section.key=value` into plain data; the value is read as YAML."""
    left, equals, right = override.partition("=")
    keys = tuple(left.strip().split("."))
    if not equals or not all(keys):
        raise RecipeError(Problem(f"override {override!r}", "no section.key=value", "e.g. training.epochs=5"))
    try:
        value = YAML(typ="safe", pure=True).load(right) if right.strip() else None
    except YAMLError as error:
        raise RecipeError(
            Problem(f"override {override!r}", "a value that is not YAML", "e.g. training.epochs=5")
        ) from error
    node = raw
    for key in keys[:-1]:
        inner = node.get(key)
        if isinstance(inner, str):  # `source: none` and `source.width=8`
            inner = {"name": inner}
        node[key] = inner if isinstance(inner, dict) else {}
        node = node[key]
    if keys[-1] == "name" and isinstance(node.get("name"), str) and node["name"] != value:
        node.clear()  # another component has other arguments
    node[keys[-1]] = value
    return keys


def dump_recipe(recipe: Recipe, comment: str = "") -> str:
    """The recipe as YAML that reruns as it is, every default written out."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 110
    out = StringIO()
    body = recipe.model_dump(mode="json")
    fields: dict[str, Any] = {"training": TrainingSettings.model_fields}
    fields |= {kind: schema(KINDS[kind].get(body[kind]["name"])).model_fields for kind in KINDS}
    yaml.dump({key: _without_nulls(value, fields.get(key, {})) for key, value in body.items()}, out)
    return "".join(f"# {line}\n" for line in comment.splitlines()) + out.getvalue()


def _without_nulls(value: Any, fields: dict[str, Any]) -> Any:
    """Leave out what is null, unless null is not its default (training.clip: null)."""
    if not isinstance(value, dict):
        return value
    said = {key for key, field in fields.items() if field.default is not None}
    return {key: _without_nulls(inner, {}) for key, inner in value.items() if inner is not None or key in said}


def walk_recipes() -> Iterator[Path]:
    """Every packaged recipe's file."""
    yield from sorted(recipes_folder().rglob("*.yaml"))
