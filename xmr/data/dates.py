"""How a column writes its dates: ISO 8601, or the one usual way in which all of its cells can be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import product

from xmr.data.readers.numbers import is_number

ISO = "ISO 8601"
_DAYS: tuple[str, ...] = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y")
_DAYS += ("%m-%d-%Y", "%d-%m-%Y", "%Y-%m-%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y")
WAYS = (ISO, *(day + hour for day, hour in product(_DAYS, _HOURS)), *_MONTHS)
_OFFSET = re.compile(r"[T ][\d:.,]++ ?([+-][\d:]+|Z)$", re.MULTILINE)  # behind a time
_WORDS = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%Y": "year", "%y": "year", "%p": ""}
_WORDS |= {"%H": "hour", "%I": "hour", "%M": "minute", "%S": "second"}


def moment(cell: str, way: str) -> datetime:
    """A cell as a date without a time zone. Raises ValueError where it is not written that way."""
    if way != ISO:
        return datetime.strptime(cell, way)
    if is_number(cell):
        raise ValueError(f"{cell} is a number")
    return datetime.fromisoformat(cell).replace(tzinfo=None)


def instant(cell: str, way: str) -> datetime:
    """A cell as a date in UTC, which one without an offset is taken to be in. Raises ValueError as `moment`."""
    stated = datetime.fromisoformat(cell) if way == ISO else moment(cell, way)
    try:
        return moment(cell, way) - (stated.utcoffset() or timedelta())
    except OverflowError:
        raise ValueError(f"{cell} is outside the years 1 to 9999 in UTC") from None


def offsets(cells: Iterable[str]) -> list[str]:
    """The distinct UTC offsets that dates are written with, `none` for those without one."""
    cells = list(cells)
    if not _OFFSET.search("\n".join(cells)):  # all at once is fast
        return ["none"]
    return sorted({found[1] if (found := _OFFSET.search(cell)) else "none" for cell in cells})


def offsets_in_words(cells: Iterable[str]) -> str:
    """What is to be said of dates with several UTC offsets; nothing of others."""
    found = offsets(cells)
    listed = ", ".join(found[:4]) + (", ..." if len(found) > 4 else "")
    return f"times with several UTC offsets ({listed}) are in the order of their instants" if len(found) > 1 else ""


def is_date(cell: str, way: str = ISO) -> bool:
    """Whether a cell is a date written that way, with or without a time; a bare number is none."""
    try:
        moment(cell, way)
    except ValueError:
        return False
    return True


def ways_of(cells: Iterable[str]) -> list[str]:
    """The ways in which every cell can be read: ISO 8601 alone, where it is among them."""
    texts = list(dict.fromkeys(cells))
    if not texts or all(map(is_date, texts)):
        return [ISO] if texts else []
    ways = [way for way in WAYS[1:] if is_date(texts[0], way)]
    for text in texts[1:]:
        ways = [way for way in ways if is_date(text, way)]
        if not ways:
            break
    return ways


def way_of(cells: Iterable[str]) -> str | None:
    """The way in which all cells are written; None without one, or with two that mean other days (1/2/2020 alone)."""
    texts = list(cells)
    ways = ways_of(texts)
    if not ways or any(moment(text, ways[0]) != moment(text, way) for way in ways[1:] for text in texts):
        return None
    return ways[0]


def in_words(way: str) -> str:
    """A way in words, for messages: month/day/year."""
    for code, word in _WORDS.items():
        way = way.replace(code, word)
    return way.strip()


def span(length: timedelta) -> str:
    """A length of time in words, in the largest unit that gives a whole number: 31 days, 15 minutes."""
    seconds = length.total_seconds()
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        if seconds % size == 0:
            return f"{seconds / size:,.0f} {unit}{'' if seconds == size else 's'}"
    return f"{seconds:g} seconds"
