"""JSON Lines files: an object per line, whose names are the columns of the first; or all of them in one array.

An object in it gives columns such as `meta.lang`, a list of words one cell, `a|b`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, Any

from xmr.data.readers.delimited import Row
from xmr.data.readers.paths import suffix_of
from xmr.data.readers.values import as_text
from xmr.errors import DataError, Problem

BETWEEN = "|"  # words of a list
JSON_LINES = (".jsonl", ".ndjson", ".json")


def read_json_lines(path: Path, handle: IO[str]) -> tuple[list[str], Iterator[Row]]:
    """The names of the columns, and (line, cells) of every object; a name that an object lacks is an empty cell.

    Raises DataError for a line that is no JSON object, for a name that the first object does not have, and for a
    list of lists or objects.
    """
    lines = enumerate(handle, start=1)
    objects = ((line, _object(path, line, text)) for line, text in chain(_of_array(path, lines), lines) if text.strip())
    first = next(objects, None)
    if first is None:
        raise DataError(Problem(f"{path}:1", "an empty file", "a JSON object on each line"))
    names = [*first[1]]
    return names, (_row(path, line, found, names) for line, found in chain([first], objects))


def _of_array(path: Path, lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """The objects of a file that is one array, numbered, each as a line; else its first line, which was looked at."""
    first = next(lines, None)
    if first is None or suffix_of(path) != ".json" or not first[1].lstrip().startswith("["):
        yield from [first] if first else []
        return
    try:
        found = json.loads("".join((first[1], *(text for _, text in lines))))
    except (ValueError, RecursionError) as error:
        raise DataError(Problem(str(path), f"no JSON ({error})", "an array of objects, or one on each line")) from None
    yield from ((number, json.dumps(item)) for number, item in enumerate(found, start=1))


def _object(path: Path, line: int, text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, object_pairs_hook=_once)
        found = _once(list(_flat(f"{path}:{line}", found))) if isinstance(found, dict) else found
    except (ValueError, RecursionError) as error:
        raise DataError(Problem(f"{path}:{line}", f"no JSON object ({error})", "one on each line")) from None
    if not isinstance(found, dict) or not found:
        kind = "an empty object" if found == {} else f"JSON that is no object: {text.strip()[:40]}"
        raise DataError(Problem(f"{path}:{line}", kind, 'an object such as {"sequence": "GIGKF", "label": 1}'))
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises ValueError for a name that it has twice, of which `json` would keep the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the name {next(name for name in names if names.count(name) > 1)!r} twice in one object")
    return found


def _row(path: Path, line: int, found: dict[str, Any], names: list[str]) -> Row:
    if (more := next((name for name in found if name not in names), None)) is not None:
        raise DataError(Problem(f"{path}:{line}", f"the name {more!r}", f"{', '.join(names)} as in the first object"))
    return line, [as_text(found.get(name)) for name in names]


def _flat(place: str, found: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """The values of an object and of those in it, with their names. Raises DataError for what no cell can hold."""
    for key, value in found.items():
        name = f"{before}{key}"
        if isinstance(value, dict):
            yield from _flat(place, value, f"{name}.")
        elif not isinstance(value, list):
            yield name, value
        elif any(isinstance(item, dict | list) or BETWEEN in as_text(item) for item in value):
            expected = f"a text, a number, true, false, null, or a list of these without {BETWEEN}"
            raise DataError(Problem(f"{place}: {name}", "a list", expected))
        else:
            yield name, BETWEEN.join(map(as_text, value))
