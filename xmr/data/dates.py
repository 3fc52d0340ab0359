"""How a column writes its dates: ISO 8601, or the one usual way in which all of its cells can be read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import product

from xmr.data.readers.numbers import is_number

ISO = "ISO 8601"
_DAYS: tuple[str, ...] = ("%m/%d/%Y", "%d/%m/%Y", "%Y/%m/%d", "%m/%d/%y", "%d/%m/%y", "%d.%m.%Y", "%d.%m.%y")
_DAYS += ("%m-%d-%Y", "%d-%m-%Y", "%Y-%m-%d", "%d-%b-%Y", "%d-%b-%y", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
_HOURS = ("", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p")
_MONTHS = ("%Y-%m", "%m/%Y", "%b %Y", "%B %Y", "%b-%Y", "%b-%y")
WAYS = (ISO, *(day + hour for day, hour in product(_DAYS, _HOURS)), *_MONTHS)
_WORDS = {"%d": "day", "%m": "month", "%b": "month", "%B": "month", "%Y": "year", "%y": "year", "%p": ""}
_WORDS |= {"%H": "hour", "%I": "hour", "%M": "minute", "%S": "second"}


def moment(cell: str, way: str) -> datetime:
    """A cell as a date without a time zone. Raises ValueError where it is not written that way."""
    if way != ISO:
        return datetime.strptime(cell, way)
    if is_number(cell):
        raise ValueError(f"{cell} is a number")
    return datetime.fromisoformat(cell).replace(tzinfo=None)


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
