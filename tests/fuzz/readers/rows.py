"""Damage to text in rows and cells."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

from tests.fuzz.damage import NUMBERS, TEXTS, Mutator

_SIGNS = (b",", b"\t", b";", b"|")
_VALUES = (*NUMBERS, *TEXTS, "x\x1f5", "a\0b", 'a"b', '"', '""', '"a\nb"', "a\nb", "a\rb", "\x1b[2J", " ", "é", "'a b'")
_DATES = (
    "2020-01-01",
    "01/02/2020",
    "2020-02-30",
    "1.2.2020",
    "9999-12-31",
    "0000-00-00",
    "2020-01-01T00:00:00Z",
    "12:61",
)
_ROWS = (
    "",
    " ",
    "\t",
    ",",
    ";;;;",
    '"',
    '"""',
    "#",
    "# a remark",
    "|",
    "%",
    "@data",
    "sequence,label",
    "id",
    ",,,,,,,,,,",
)


def _sign(data: bytes) -> bytes:
    """What parts most cells."""
    return max(_SIGNS, key=data.count) if any(sign in data for sign in _SIGNS) else b" "


def _changed(random: Random, data: bytes, change: Callable[[list[bytes]], list[bytes]], header: bool | None) -> bytes:
    """One row, cut at every delimiter whatever the quotes, and put together again."""
    lines = data.split(b"\n")
    if len(lines) < 2:
        return data
    sign = _sign(data)
    at = 0 if header else random.randrange(1, len(lines)) if header is False else random.randrange(len(lines))
    lines[at] = sign.join(change(lines[at].split(sign)))
    return b"\n".join(lines)


def cell_value(random: Random, data: bytes) -> bytes:
    """A cell of another value: a number at the edge, a quote, a control byte."""
    value = random.choice((*_VALUES, *_DATES)).encode()

    def change(cells: list[bytes]) -> list[bytes]:
        cells[random.randrange(len(cells))] = value
        return cells

    return _changed(random, data, change, None)


def column_value(random: Random, data: bytes) -> bytes:
    """The same value in one column of every row."""
    value, sign, lines = random.choice((*_VALUES, *_DATES)).encode(), _sign(data), data.split(b"\n")
    at = random.randrange(lines[0].count(sign) + 1)
    rows = [line.split(sign) for line in lines]
    return b"\n".join(
        sign.join(value if i == at and number and len(row) > 1 else cell for i, cell in enumerate(row))
        for number, row in enumerate(rows)
    )


def more_cells(random: Random, data: bytes) -> bytes:
    """A cell too many, or very many."""
    times = random.choice((1, 1, 1, 2, 5000))
    return _changed(random, data, lambda cells: [*cells, *[random.choice(cells)] * times], None)


def fewer_cells(random: Random, data: bytes) -> bytes:
    """A cell too few."""
    return _changed(random, data, lambda cells: cells[: random.randrange(len(cells))], None)


def swap_cells(random: Random, data: bytes) -> bytes:
    """Two cells of a row change places."""

    def change(cells: list[bytes]) -> list[bytes]:
        a, b = random.randrange(len(cells)), random.randrange(len(cells))
        cells[a], cells[b] = cells[b], cells[a]
        return cells

    return _changed(random, data, change, None)


def header_name(random: Random, data: bytes) -> bytes:
    """A column's name twice, empty, in other letters, or one that means something."""

    def change(cells: list[bytes]) -> list[bytes]:
        names = (b"", b"id", b"label", b"Label", b"set", b"sequence", b"time", b"date", b"group", random.choice(cells))
        wide = (b"\x1b]0;pwned\x07", b"a\xe2\x80\xaeb", b"1", b"nan", b"a=b", b"x" * 5000, b"validation")
        cells[random.randrange(len(cells))] = random.choice((*names, *wide))
        return cells

    return _changed(random, data, change, True)


def quotes(random: Random, data: bytes) -> bytes:
    """A quote at the start of a cell, at its end, at both, or within."""
    mark = random.choice((b'"', b"'"))

    def change(cells: list[bytes]) -> list[bytes]:
        at = random.randrange(len(cells))
        one = cells[at]
        middle = len(one) // 2
        forms = (mark + one, one + mark, mark + one + mark, one[:middle] + mark + one[middle:], mark * 2 + one)
        cells[at] = random.choice(forms)
        return cells

    return _changed(random, data, change, None)


def other_delimiter(random: Random, data: bytes) -> bytes:
    """Another delimiter, in one row or in all."""
    sign, new = _sign(data), random.choice((*_SIGNS, b" ", b"\x1f"))
    if random.random() < 0.5:
        return data.replace(sign, new)
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    lines[at] = lines[at].replace(sign, new)
    return b"\n".join(lines)


def odd_row(random: Random, data: bytes) -> bytes:
    """A row of another kind among the others."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines) + 1)
    return b"\n".join([*lines[:at], random.choice(_ROWS).encode(), *lines[at:]])


def rows_in_another_order(random: Random, data: bytes) -> bytes:
    """Rows shuffled, the header among them or not."""
    lines = data.split(b"\n")
    begin = random.randrange(2)
    rest = lines[begin:]
    random.shuffle(rest)
    return b"\n".join([*lines[:begin], *rest])


def row_again(random: Random, data: bytes) -> bytes:
    """A row twice: the same id again."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    return b"\n".join([*lines[:at], lines[at], *lines[at:]])


def few_rows(random: Random, data: bytes) -> bytes:
    """Only the header and no, one or two rows."""
    return b"\n".join(data.split(b"\n")[: random.randint(1, 4)])


def other_encoding(random: Random, data: bytes) -> bytes:
    """The same text in another encoding."""
    text = data.decode("utf-8", "replace")
    return text.encode(random.choice(("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "utf-7")), "replace")


def longest_cell(random: Random, data: bytes) -> bytes:
    """A cell beyond what Python's csv takes by default, quoted or not."""
    text = random.choice((b"A", b"1", b'""', b" ")) * 140_000
    mark = random.choice((b"", b'"'))

    def change(cells: list[bytes]) -> list[bytes]:
        cells[random.randrange(len(cells))] = mark + text + mark
        return cells

    return _changed(random, data, change, False)


def decimal_commas(random: Random, data: bytes) -> bytes:
    """Commas for points in numbers, everywhere or in one place."""
    return re.sub(rb"(\d)\.(\d)", rb"\1,\2", data, count=random.choice((0, 1)))


def quote_all(random: Random, data: bytes) -> bytes:
    """Every cell in quotes. Only for files without any."""
    sign = _sign(data)
    lines = [sign.join(b'"' + cell + b'"' for cell in line.split(sign)) if line else line for line in data.split(b"\n")]
    return b"\n".join(lines)


CELLS: tuple[Mutator, ...] = (
    cell_value, cell_value, cell_value, column_value, more_cells, fewer_cells, swap_cells, header_name, quotes, quotes,
    other_delimiter, odd_row, rows_in_another_order, row_again, few_rows, other_encoding, longest_cell, decimal_commas,
)  # fmt: skip
