"""Tables: delimited text of every common shape, and ARFF."""

from __future__ import annotations

import gzip
import re
from random import Random
from typing import ClassVar

from tests.fuzz.damage import NUMBERS, TEXTS, Mutator
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.rows import CELLS

TABLE = {"name": "table"}
HEADER = ["age", "city", "smokes", "born", "weight", "label"]


def table_rows(n: int = 16) -> list[list[str]]:
    """Numbers, categories, yes and no, dates, gaps."""
    random = Random(11)
    cities = ("Oslo", "Rome", "Łódź")
    return [
        [
            str(random.randint(18, 90)) if i % 7 else "?",
            random.choice(cities),
            random.choice(("yes", "no")),
            f"19{random.randint(40, 99)}-0{random.randint(1, 9)}-1{random.randint(0, 9)}",
            f"{random.uniform(40, 99):.1f}" if i % 5 else "",
            "ab"[i // 2 % 2],
        ]
        for i in range(n)
    ]


def _joined(delimiter: str, header: bool = True, rows: list[list[str]] | None = None) -> bytes:
    lines = [HEADER] * header + (rows or table_rows())
    return ("\n".join(delimiter.join(line) for line in lines) + "\n").encode()


class Tables(FileReader):
    """CSV, TSV, semicolons, .data without a header, .txt parted by blanks or bars."""

    name = "tables"
    mutators: ClassVar[tuple[Mutator, ...]] = CELLS

    def seeds(self) -> list[Seed]:
        """One of each shape."""
        rows = table_rows()
        commas = [[*row[:4], row[4].replace(".", ","), row[5]] for row in rows]
        filled = [[cell or "?" for cell in row] for row in rows]
        quoted = [[f'"{cell}, ""x"""' if i == 1 else cell for i, cell in enumerate(row)] for row in rows]
        single = [[f"'{cell}'" if i == 1 else cell for i, cell in enumerate(row)] for row in rows]
        names = {"names": HEADER, "target": "label"}
        return [
            Seed("simple.csv", _joined(","), TABLE),
            Seed("tabs.tsv", _joined("\t"), TABLE),
            Seed("semicolons.csv", _joined(";", rows=commas), TABLE),
            Seed("bare.data", _joined(",", header=False), TABLE, names),
            Seed("blanks.txt", _joined("  ", rows=filled), TABLE),
            Seed("bars.txt", _joined("|"), TABLE),
            Seed("quoted.csv", b"\xef\xbb\xbf" + _joined(",", rows=quoted).replace(b"\n", b"\r\n"), TABLE),
            Seed("single.csv", _joined(",", rows=single), TABLE),
            Seed("zipped.csv.gz", gzip.compress(_joined(","), mtime=0), TABLE),
        ]


def attribute(random: Random, data: bytes) -> bytes:
    """An attribute of another type, twice, without a name, or with an odd list of categories."""
    lines = data.split(b"\n")
    heads = [i for i, line in enumerate(lines) if line.startswith(b"@attribute")]
    if not heads:
        return data
    kinds = (
        "numeric", "string", "date", "date 'yyyy'", "relational", "{}", "{a}", "{a,b", "{a,a}", "{'a','b'}", "{a b}",
        "{?}",
        "real [0,1]", "INTEGER", "", "{Oslo,Rome," + ",".join(f"x{i}" for i in range(5000)) + "}",
    )  # fmt: skip
    names = ("age", "label", "'a b'", '"x"', "", "{", "é", "a\x1fb", "%x", "@data", "'", "id")
    at = random.choice(heads)
    made = f"@attribute {random.choice(names)} {random.choice(kinds)}".encode()
    return b"\n".join([*lines[:at], *([lines[at]] if random.random() < 0.3 else []), made, *lines[at + 1 :]])


def tag(random: Random, data: bytes) -> bytes:
    """A tag in other letters, gone, twice, or at another place."""
    found = list(re.finditer(rb"@\w+", data))
    if not found:
        return data
    one = random.choice(found)
    new = random.choice(
        (b"@DATA", b"@data", b"@relation", b"@attribute", b"@end", b"@", b"", one[0].upper(), one[0] * 2)
    )
    return data[: one.start()] + new + data[one.end() :]


def sparse(random: Random, data: bytes) -> bytes:
    """A row in the sparse form, or what looks like it."""
    new = random.choice(
        (b"{0 28, 5 a}", b"{}", b"{0 1", b"{99 1}", b"{a b}", b"28,Oslo", b"28,Oslo,no,1.5,a,b,c", b"?")
    )
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    return b"\n".join([*lines[:at], new, *lines[at:]])


def odd_cell(random: Random, data: bytes) -> bytes:
    """A cell of a row of another value."""
    head, mark, body = data.partition(b"@data\n")
    lines = body.split(b"\n")
    at = random.randrange(len(lines))
    cells = lines[at].split(b",")
    cells[random.randrange(len(cells))] = random.choice((*NUMBERS, *TEXTS, "'a b'", "a\x1fb", "a,b", "'")).encode()
    return head + mark + b"\n".join([*lines[:at], b",".join(cells), *lines[at + 1 :]])


class Arff(FileReader):
    """ARFF of a table."""

    name = "arff"
    mutators: ClassVar[tuple[Mutator, ...]] = (attribute, tag, sparse, odd_cell, odd_cell, *CELLS[:12])

    def seeds(self) -> list[Seed]:
        """Numbers and categories; the same with remarks, quotes and capitals."""
        rows = [[row[0], row[1].replace("Łódź", "Lodz"), row[2], row[4] or "?", row[5]] for row in table_rows()]
        body = "\n".join(",".join(row) for row in rows) + "\n"
        head = (
            "@relation people\n\n@attribute age numeric\n@attribute city {Oslo,Rome,Lodz}\n@attribute smokes {yes,no}\n"
            "@attribute weight real\n@attribute label {a,b}\n\n@data\n"
        )
        loud = "% a remark\n" + head.replace("@attribute", "@ATTRIBUTE").replace("@data", "@DATA") + "% another\n"
        return [
            Seed("people.arff", (head + body).encode(), TABLE, {"target": "label"}),
            Seed("loud.arff", (loud + body).encode(), TABLE, {"target": "label"}),
        ]
