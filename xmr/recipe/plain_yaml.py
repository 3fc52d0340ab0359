"""YAML 1.2 as plain data: mappings by text keys, lists, texts, numbers, true, false, null, and the line of each.

Read event by event, so that excessive depth or size is refused early. YAML features beyond plain data (tags, aliases,
merges, keys that are not text, several documents) are refused with their line.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from xmr.errors import Problem, RecipeError, shortened

MAX_BYTES = 1_000_000
MAX_VALUES = 20_000  # keys and values
MAX_DEPTH = 20
MAX_DIGITS = 300  # the range of a float
Lines = dict[tuple[str | int, ...], int]  # a field's path -> its first line
Locate = Callable[[int], str]  # a line -> "file:line"
_BRACKETS = re.compile(r"(?:[\[{][^\S\n]*){64}")  # ruamel needs quadratic time before it returns the first of them
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_KINDS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null")}


def read_file(path: Path) -> tuple[Any, Lines]:
    """The plain data of a file and its lines. Raises RecipeError with file and line for anything else."""
    with path.open("rb") as handle:
        content = handle.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise RecipeError(Problem(str(path), "a larger file", f"a recipe of at most {MAX_BYTES:,} bytes"))
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RecipeError(Problem(f"{path}:1", "UTF-16", "UTF-8 text (save the file with that encoding)"))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RecipeError(Problem(f"{path}:{line}", "bytes that are not UTF-8", "UTF-8 text")) from error
    return read_text(text, lambda line: f"{path}:{line}")


def read_text(text: str, place: Locate) -> tuple[Any, Lines]:
    """The plain data of a text (None if empty) and its lines. Raises RecipeError, at `place`."""
    for pattern, found in ((_CONTROL, "the control character {!r}"), (_BRACKETS, "nesting too deep: {!r}")):
        if match := pattern.search(text):
            line = text.count("\n", 0, match.start()) + 1
            expected = "text" if pattern is _CONTROL else f"at most {MAX_DEPTH} levels"
            raise RecipeError(Problem(place(line), found.format(match.group()[:5]), expected))
    yaml = YAML(typ="safe", pure=True)
    try:
        return _Reader(yaml, yaml.parse(text), place).document()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = Problem(place(mark.line + 1 if mark else 1), str(error.problem or "broken YAML"), "YAML 1.2")
        raise RecipeError(problem) from error
    except YAMLError as error:  # a character that YAML does not know, such as half a surrogate pair
        where = getattr(error, "position", None)
        line = text.count("\n", 0, where) + 1 if isinstance(where, int) else 1
        raise RecipeError(Problem(place(line), str(error).splitlines()[0], "YAML 1.2")) from error


class _Reader:
    """The events of one document, turned into plain data."""

    def __init__(self, yaml: YAML, events: Iterator[Event], place: Locate) -> None:
        self.resolver, self.constructor, self.place = yaml.resolver, yaml.constructor, place
        self.events = events
        self.lines: Lines = {}
        self.values = 0

    def document(self) -> tuple[Any, Lines]:
        """The only document."""
        result, documents = None, 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._wrong(event, "a second document", "one document (no line of ---)")
                if event.tags or event.version not in (None, (1, 2)):
                    raise self._wrong(event, "a YAML directive (%)", "YAML 1.2 without directives")
                result = self._value(next(self.events), ())
        return result, self.lines

    def _value(self, event: Event, where: tuple[str | int, ...]) -> Any:
        """The value that begins with this event; recursion ends at MAX_DEPTH."""
        self.values += 1
        if self.values > MAX_VALUES:
            raise self._wrong(event, f"more than {MAX_VALUES:,} keys and values", "fewer")
        if isinstance(event, AliasEvent):
            raise self._wrong(event, "a YAML alias", "values written out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise self._wrong(event, f"the YAML tag {shortened(str(tag), 60)}", "plain values")
        if isinstance(event, ScalarEvent):
            return self._scalar(event)
        if len(where) >= MAX_DEPTH:
            raise self._wrong(event, f"more than {MAX_DEPTH} levels of nesting", "a recipe's sections and their fields")
        if isinstance(event, SequenceStartEvent):
            return self._sequence(where)
        assert isinstance(event, MappingStartEvent), event
        return self._mapping(where)

    def _sequence(self, where: tuple[str | int, ...]) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self.events), SequenceEndEvent):
            inner = (*where, len(items))
            self.lines[inner] = event.start_mark.line + 1
            items.append(self._value(event, inner))
        return items

    def _mapping(self, where: tuple[str | int, ...]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        while not isinstance(event := next(self.events), MappingEndEvent):
            if not isinstance(event, ScalarEvent) or event.tag is not None:
                raise self._wrong(event, "a key that is not plain text", "text: a value")
            key = event.value
            if key == "<<" and event.implicit[0]:
                raise self._wrong(event, "a YAML merge (<<)", "values written out")
            if key in made:
                raise self._wrong(event, f"the key {shortened(key, 60)!r} again", "each key once")
            inner = (*where, key)
            self.lines[inner] = event.start_mark.line + 1
            self.values += 1
            made[key] = None
            made[key] = self._value(next(self.events), inner)
        return made

    def _scalar(self, event: ScalarEvent) -> Any:
        """A number, a truth value, null, or the text itself (also for dates)."""
        node = ScalarNode(None, event.value, event.start_mark, event.end_mark, style=event.style)
        kind = str(self.resolver.resolve(ScalarNode, event.value, event.implicit))
        if kind not in _KINDS:
            return event.value
        if len(event.value) > MAX_DIGITS:
            raise self._wrong(event, f"a number of {len(event.value):,} characters", f"at most {MAX_DIGITS}")
        node.tag = kind
        try:
            return self.constructor.construct_object(node)
        except ValueError:  # `0b` and the like, which only look like numbers
            return event.value

    def _wrong(self, event: Event, found: str, expected: str) -> RecipeError:
        return RecipeError(Problem(self.place(event.start_mark.line + 1), found, expected))
