"""Excel workbooks: of sequences, tables, series and forecasts; damage to the archive and to the sheets in it."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Any, ClassVar

from tests.fuzz.damage import NUMBERS, TEXT, TEXTS, Mutator
from tests.fuzz.readers.arrays import _archive, _members
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.forecast import FORECAST, over_time
from tests.fuzz.readers.sequences import PROTEIN, sequences
from tests.fuzz.readers.series import SERIES, wide
from tests.fuzz.readers.tables import HEADER, TABLE, table_rows

_PLACES = ("A1", "XFD1", "ZZZ2", "ZZZZZZZ1", "A0", "A-1", "A1048577", "A99999999999", "1A", "", "A1:XFD1048576")
_KINDS = ("s", "n", "b", "d", "e", "str", "inlineStr", "x", "")


def workbook(rows: Sequence[Sequence[Any]]) -> bytes:
    """One sheet."""
    from openpyxl import Workbook

    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return _archive(_members(out.getvalue()) or {})  # without the time at which it was written


def in_a_member(random: Random, data: bytes) -> bytes:
    """Damage to the text of one file in the archive."""
    members = _members(data)
    if not members:
        return data
    name = random.choice(list(members))
    return _archive({**members, name: random.choice(TEXT)(random, members[name])})


def attribute(random: Random, data: bytes) -> bytes:
    """Another place, type or style of a cell, another size of the sheet."""
    members = _members(data) or {}
    sheet = next((name for name in members if "sheet1.xml" in name), None)
    found = list(re.finditer(rb'\b(r|t|s|ref|spans)="[^"]*"', members[sheet])) if sheet else []
    if sheet is None or not found:
        return data
    one, text = random.choice(found), members[sheet]
    value = random.choice((*_PLACES, *_KINDS, *NUMBERS[:30]))
    new = text[: one.start()] + one[1] + b'="' + value.replace('"', "").encode() + b'"' + text[one.end() :]
    return _archive({**members, sheet: new})


def value(random: Random, data: bytes) -> bytes:
    """Another value of a cell, or of a shared string."""
    members = _members(data) or {}
    held = [name for name in members if "sheet1.xml" in name or "sharedStrings" in name]
    if not held:
        return data
    name = random.choice(held)
    found = list(re.finditer(rb"(?<=>)[^<>]+(?=<)", members[name]))
    if not found:
        return data
    one, text = random.choice(found), members[name]
    new = random.choice((*NUMBERS, *TEXTS, "&lol;", "<![CDATA[x]]>", "#N/A", "&#0;", "x" * 40_000))
    return _archive({**members, name: text[: one.start()] + new.encode() + text[one.end() :]})


def member(random: Random, data: bytes) -> bytes:
    """A file of the archive gone, empty, or in another's place."""
    members = _members(data) or {}
    if not members:
        return data
    name = random.choice(list(members))
    new = random.choice((None, b"", random.choice(list(members.values())), b'<?xml version="1.0"?><x/>'))
    return _archive({key: content for key, content in {**members, name: new}.items() if content is not None})


class Excel(FileReader):
    """Four builders of records behind one format."""

    name = "excel"
    text = False
    mutators: ClassVar[tuple[Mutator, ...]] = (in_a_member, attribute, attribute, value, value, member)

    def seeds(self) -> list[Seed]:
        """Numbers, texts, dates and gaps."""
        rows = sequences()
        labels = ["ab"[i // 2 % 2] for i in range(len(rows))]
        values, kinds = wide()
        head = [f"t{j}" for j in range(values.shape[1])]
        clock, held = over_time()
        named = [(f"p{i}", text, label) for i, (text, label) in enumerate(zip(rows, labels))]
        waves = [[*map(float, row), kind] for row, kind in zip(values, kinds)]
        days = [[date.fromisoformat(day), *map(float, row)] for day, row in zip(clock, held)]
        return [
            Seed("sequences.xlsx", workbook([("id", "sequence", "label"), *named]), PROTEIN),
            Seed("table.xlsx", workbook([HEADER, *([cell or None for cell in row] for row in table_rows())]), TABLE),
            Seed("series.xlsx", workbook([[*head, "label"], *waves]), SERIES),
            Seed("time.xlsx", workbook([["date", "a", "b"], *days]), *FORECAST),
        ]
