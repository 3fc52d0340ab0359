"""ARFF as rows of a table, every row with its line: numbers, categories, texts and dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from xmr.data.delimiter import parted, unquoted
from xmr.data.numbers import is_gap, is_number
from xmr.errors import DataError, Problem, nearest

_ATTRIBUTE = re.compile(r"""@attribute\s+('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^\s{]+)\s*(.*)""", re.IGNORECASE)
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
            name, kind = _attribute(text, path, number)
            names.append(name)
            kinds.append(kind)
        elif text and not text.startswith("%") and word != "@relation":
            raise DataError(Problem(f"{path}:{number}", repr(text[:40]), "@relation, @attribute or @data"))
    else:
        raise DataError(Problem(f"{path}:{max(1, number)}", "no @data", "ARFF: attributes, @data, and rows"))
    if not names:
        raise DataError(Problem(f"{path}:{number}", "@data before any @attribute", "attributes, then rows"))
    return names, _rows(path, handle, number, names, kinds)


def _attribute(text: str, path: Path, number: int) -> tuple[str, tuple[str, ...] | str]:
    """The name of an attribute, and its categories or the word for its kind."""
    found, place = _ATTRIBUTE.fullmatch(text), f"{path}:{number}"
    if found is None:
        raise DataError(Problem(place, repr(text[:60]), "@attribute NAME TYPE"))
    name, kind = found.groups()
    name = unquoted(name)
    if kind.startswith("{") and kind.endswith("}"):
        quote = '"' if '"' in kind else "'"
        listed = next((cells for _, cells in parted(path, [kind[1:-1]], ",", quote, True, "\\", number - 1)), [])
        return name, tuple(cell.strip() for cell in listed)
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
        quote = '"' if '"' in text and "'" not in text else "'"
        cells = [cell.strip() for cell in next(parted(path, [text], ",", quote, True, "\\", line - 1))[1]]
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
