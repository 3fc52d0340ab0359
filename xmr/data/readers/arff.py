"""ARFF as rows of a table, every row with its line: numbers, categories, texts and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from xmr.data.readers.numbers import is_gap, is_number
from xmr.errors import DataError, Problem, nearest

_ATTRIBUTE = re.compile(r"""@attribute\s+('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s{]+)\s*(.*)""", re.IGNORECASE)
_CELL = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*)\s*(,|$)""")
_NUMBERS = ("numeric", "real", "integer")


def read_arff(path: Path, handle: IO[str]) -> tuple[list[str], Iterator[tuple[int, list[str]]]]:
    """The names of the attributes, and (line, cells) of every row. Raises DataError with the line of what is wrong."""
    names: list[str] = []
    kinds: list[tuple[str, ...] | str] = []
    number, line = 0, ""
    for number, line in enumerate(handle, start=1):
        text = line.strip()
        word = text.split(maxsplit=1)[0].casefold() if text else ""
        if word == "@data":
            break
        if word == "@attribute":
            name, kind = _attribute(text, f"{path}:{number}")
            names.append(name)
            kinds.append(kind)
        elif text and not text.startswith("%") and word != "@relation":
            raise DataError(Problem(f"{path}:{number}", repr(text[:40]), "@relation, @attribute or @data"))
    else:
        raise DataError(Problem(f"{path}:{max(1, number)}", "no @data", "ARFF: attributes, @data, and rows"))
    if not names:
        raise DataError(Problem(f"{path}:{number}", "@data before any @attribute", "attributes, then rows"))
    return names, _rows(path, handle, number, names, kinds)


def _attribute(text: str, place: str) -> tuple[str, tuple[str, ...] | str]:
    """The name of an attribute, and its categories or the word for its kind."""
    found = _ATTRIBUTE.fullmatch(text)
    if found is None:
        raise DataError(Problem(place, repr(text[:60]), "@attribute NAME TYPE"))
    name, kind = found.groups()
    name = _bare(name)
    if kind.startswith("{") and kind.endswith("}"):
        return name, tuple(_cells(kind[1:-1], place))
    word = (kind.split() or [""])[0].casefold()
    if word in _NUMBERS:
        return name, "number"
    if word in ("string", "date"):
        return name, "text"
    raise DataError(Problem(f"{place}: {name}", f"the type {kind[:40]!r}", "numeric, {categories}, string or date"))


def _rows(
    path: Path, handle: IO[str], before: int, names: list[str], kinds: list[tuple[str, ...] | str]
) -> Iterator[tuple[int, list[str]]]:
    listed = [frozenset(kind) if isinstance(kind, tuple) else None for kind in kinds]
    numbers = [at for at, kind in enumerate(kinds) if kind == "number"]
    for line, text in enumerate(handle, start=before + 1):
        if not text.strip() or text.startswith("%"):
            continue
        place = f"{path}:{line}"
        if text.startswith("{"):
            raise DataError(Problem(place, "a sparse row", "a value for every attribute, with commas between"))
        cells = _cells(text, place)
        if len(cells) != len(names):
            raise DataError(Problem(place, f"{len(cells)} values", f"{len(names)}, one for each attribute"))
        for at in numbers:
            if is_gap(cells[at]):
                cells[at] = ""
            elif not is_number(cells[at]):
                raise DataError(Problem(f"{place}: {names[at]}", repr(cells[at]), "a finite number, or ?"))
            elif (value := float(cells[at])) == int(value) and abs(value) < 1e15:
                cells[at] = str(int(value))
        for name, cell, known in zip(names, cells, listed):
            if known is not None and cell not in known and cell != "?":
                expected = f"one of {', '.join(sorted(known)[:12])}, as its @attribute lists"
                raise DataError(Problem(f"{place}: {name}", repr(cell), expected, nearest(cell, known)))
        yield line, cells


def _cells(text: str, place: str) -> list[str]:
    """What stands between the commas of a line. Raises DataError for a quote that is not closed."""
    cells, at, more = [], 0, ","
    text = text.strip()
    while more:
        found = _CELL.match(text, at)
        assert found is not None  # any text up to a comma is a cell
        cell, more = found[1].strip(), found[2]
        if cell[:1] in ("'", '"') and (len(cell) < 2 or cell[-1] != cell[0]):
            raise DataError(Problem(place, f"a quote that is not closed in {cell[:40]!r}", "well-formed quoting"))
        cells.append(_bare(cell))
        at = found.end()
    return cells


def _bare(text: str) -> str:
    """Without the quotes around it and the backslashes before what they protect."""
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
