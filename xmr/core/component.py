"""Create components from recipe sections: a registered name and the arguments of its constructor.

Names, types, defaults, limits and help texts are defined only in the constructor's signature and docstring; the
schema, error messages, `xmr list` and the recipe reference are generated from them here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import packages_distributions, version
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, create_model, field_validator

from xmr import __version__
from xmr.core import renamed
from xmr.core.registry import ENCODERS, OUTPUTS, PLUGIN_PREFIX, SOURCES, TRANSFORMS, Registry
from xmr.errors import MAX_PROBLEMS, Problem, RecipeError, nearest, one_of, shortened

KINDS: dict[str, Registry] = {
    "encoder": ENCODERS,
    "source": SOURCES,
    "transform": TRANSFORMS,
    "output": OUTPUTS,
}
MAX_NUMBER = 10_000_000
Locate = Callable[[tuple[str | int, ...]], str]  # a field's path -> "file:line: field"


class Section(BaseModel):
    """The base of recipe sections: no unknown keys, only finite numbers, no true or false for a number."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: Any, info: ValidationInfo) -> Any:
        kind = str(cls.model_fields[info.field_name or ""].annotation)
        if isinstance(value, bool) and re.search(r"\b(int|float)\b", kind) and "bool" not in kind:
            raise ValueError("a number")
        return value


def create(registry: Registry, section: dict[str, Any]) -> Any:
    """Create the component `section["name"]` with the rest of the section as its arguments, and store the section in
    it.
    """
    name = section["name"]
    arguments = {key: value for key, value in section.items() if key != "name"}
    component = registry.get(name)(**arguments)
    component.section = {"name": name, **arguments}
    return component


def package_of(component: type) -> str:
    """The package that brings a component, with its version: "xmr 0.2.0"; of a plugin file its name."""
    top = component.__module__.partition(".")[0]
    if top.startswith(PLUGIN_PREFIX):
        return f"{top.removeprefix(PLUGIN_PREFIX)}.py"
    if top == "xmr":
        return f"xmr {__version__}"
    names = packages_distributions().get(top, [])
    return f"{names[0]} {version(names[0])}" if names else top


@cache
def section_model(component: type) -> type[BaseModel]:
    """The pydantic model of a component's section, generated from its constructor's signature."""
    fields: dict[str, Any] = {
        name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in parameters_of(component).items()
    }
    limited: Any = field_validator("*")(_not_huge)
    return create_model(component.__name__, __base__=Section, __validators__={"limited": limited}, **fields)


def parameters_of(component: type) -> dict[str, inspect.Parameter]:
    """The arguments of a component's constructor; those that it passes on as `**kwargs` are its base class's."""
    found: dict[str, inspect.Parameter] = {}
    for owner in component.__mro__:
        if "__init__" not in vars(owner):
            continue
        parameters = inspect.signature(vars(owner)["__init__"], eval_str=True).parameters.values()
        variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        named = {each.name: each for each in parameters if each.name != "self" and each.kind not in variable}
        found = {**found, **{name: each for name, each in named.items() if name not in found}}
        if owner is object or not any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
            break
    return found


def _not_huge(value: Any) -> Any:
    """Limit integers to MAX_NUMBER where an argument states no limit."""
    for number in value if isinstance(value, list | tuple) else (value,):
        if isinstance(number, int) and abs(number) > MAX_NUMBER:
            raise ValueError(f"at most {MAX_NUMBER:,}")
    return value


def help_of(component: type) -> dict[str, str]:
    """Argument -> description, from the `Args:` section of the docstring, and of its base classes' for arguments that
    it passes on.
    """
    described: dict[str, str] = {}
    for owner in reversed(component.__mro__):
        _, _, body = inspect.cleandoc(vars(owner).get("__doc__") or "").partition("Args:\n")
        found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", body, flags=re.MULTILINE)
        described |= {name: " ".join(line.strip() for line in words.splitlines()) for name, words in found}
    known = parameters_of(component)
    return {name: described[name] for name in known if name in described}


def named(value: Any) -> Any:
    """`source: identity` is short for `source: {name: identity}`."""
    return {"name": value} if isinstance(value, str) else value


def section_problems(kind: str, section: Any, place: Locate) -> tuple[dict[str, Any], list[Problem]]:
    """Check one component's section -> (the section with all defaults, all problems)."""
    section = named(section)
    if not isinstance(section, dict):
        return {}, [Problem(place((kind,)), repr(section), "a section with a name, e.g. {name: ...}")]
    registry = KINDS[kind]
    if "name" not in section:
        return {}, [Problem(place((kind,)), "no name", f"name: one of {', '.join(sorted(registry.names()))}")]
    name, where = section["name"], place((kind, "name"))
    if not isinstance(name, str) or name not in registry.names():
        if isinstance(name, str) and (new := renamed.new_component(kind, name)) in registry.names():
            return {}, [_old_name(where, name, f"the {kind} `{name}` is now `{new}`")]
        return {}, [one_of(where, name, registry.names())]
    model = section_model(registry.get(name))
    arguments = {key: value for key, value in section.items() if key != "name"}
    try:
        checked = model.model_validate(arguments)
    except ValidationError as error:
        return {}, problems_of(error, model, place, (kind,), name)
    return {"name": name, **checked.model_dump()}, []


def check_section(kind: str, section: Any, place: str) -> dict[str, Any]:
    """A section with all defaults. Raises RecipeError with all problems."""
    checked, problems = section_problems(
        kind, section, lambda path: f"{place}: {shortened('.'.join(map(str, path)), 100)}"
    )
    if problems:
        raise RecipeError(problems)
    return checked


def problems_of(
    error: ValidationError,
    model: type[BaseModel],
    place: Locate,
    prefix: tuple[str | int, ...] = (),
    component: str | None = None,
) -> list[Problem]:
    """Pydantic's errors as problems, one line each, with the nearest valid name. `component`: whose section it is."""
    items = [_of_one_kind(dict(item), model) for item in error.errors()]
    found = [item for item in items if item is not None]
    # A message lists only the first problems; only these get a suggestion, which takes time.
    return [
        _old_name_problem(item, model, place, prefix, component)
        or _problem(item, model, place, prefix, number < MAX_PROBLEMS)
        for number, item in enumerate(found)
    ]


def _old_name(place: str, name: Any, notice: str) -> Problem:
    return Problem(place, f"the old name {name!r}", f"its new one: {notice}")


def _old_name_problem(
    item: dict[str, Any], model: type[BaseModel], place: Locate, prefix: tuple[str | int, ...], component: str | None
) -> Problem | None:
    """An error about a field or value that has another name since version 0.1; None: about anything else."""
    path = (*prefix, *item["loc"])
    words = [part for part in path if isinstance(part, str)]
    if item["type"] == "extra_forbidden":
        section, field = ".".join(words[:-1]), str(path[-1])
        known = _fields_at(model, item["loc"][:-1])
        notice = renamed.field_notice(section, field, item["input"], known, component)
        return _old_name(place(path), field, notice) if notice else None
    if item["type"] == "literal_error":
        notice = renamed.value_notice(".".join(words), item["input"])
        return _old_name(place(path), item["input"], notice) if notice else None
    return None


def _of_one_kind(item: dict[str, Any], model: type[BaseModel]) -> dict[str, Any] | None:
    """An error of `X | list[X]`, reduced to the alternative that was found; None for the other one."""
    loc, current = item["loc"], model
    for depth, part in enumerate(loc[:-1]):
        kind = current.model_fields[part].annotation if part in current.model_fields else None
        if sum(one is not type(None) for one in get_args(kind)) > 1 and get_origin(kind) in (Union, UnionType):
            of_list, within = str(loc[depth + 1]).startswith("list["), len(loc) > depth + 2
            if within or of_list == isinstance(item["input"], list):
                return {**item, "loc": (*loc[: depth + 1], *loc[depth + 2 :])}
            return None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            current = kind
    return item


def _problem(
    item: dict[str, Any], model: type[BaseModel], place: Locate, prefix: tuple[str | int, ...], suggest: bool
) -> Problem:
    path = (*prefix, *(part for part in item["loc"]))
    where = place(path)
    if item["type"] == "extra_forbidden":
        known = _fields_at(model, item["loc"][:-1])
        listed = f"one of {', '.join(known)}" if known else "no keys: it has no arguments"
        also = ["name"] if len(path) == 2 and prefix and prefix[0] in KINDS else []  # checked before its arguments
        guess = nearest(str(item["loc"][-1]), [*known, *also]) if suggest else None
        return Problem(where, f"the unknown key {item['loc'][-1]!r}", listed, guess)
    if item["type"] == "missing":
        return Problem(where, "nothing", "a value: this field has no default")
    expected = item["msg"].removeprefix("Input should be ").removeprefix("Value error, ").split(", unable to parse")[0]
    if item["type"] == "too_short":
        expected = f"at least {item['ctx']['min_length']} of them"
    guess = None
    if item["type"] == "literal_error" and suggest:
        guess = nearest(str(item["input"]), re.findall(r"'([^']+)'", item["ctx"]["expected"]))
    return Problem(where, repr(item["input"]), expected, guess)


def _fields_at(model: type[BaseModel], path: Iterable[Any]) -> list[str]:
    """The field names of the (nested) model a path leads to."""
    current: Any = model
    for part in path:
        inner = current.model_fields[part].annotation if part in current.model_fields else None
        held = (inner, *get_args(inner))  # `Choice | None` and `dict[str, Row]` hold a model as well
        current = next((each for each in held if isinstance(each, type) and issubclass(each, BaseModel)), current)
    return sorted(current.model_fields)
