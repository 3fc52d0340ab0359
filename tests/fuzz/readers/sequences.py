"""FASTA, and CSV and TSV of sequences."""

from __future__ import annotations

import csv
import gzip
import io
from random import Random
from typing import ClassVar

from tests.fuzz.damage import NUMBERS, TEXTS, Mutator
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.rows import CELLS

PROTEIN = {"name": "protein"}


def sequences(n: int = 14, most: int = 9) -> list[str]:
    """Random proteins."""
    random = Random(7)
    return ["".join(random.choices("ACDEFGHIKLMNPQRSTVWY", k=random.randint(4, most))) for _ in range(n)]


def _header(random: Random, data: bytes, change: str) -> bytes:
    lines = data.split(b"\n")
    heads = [i for i, line in enumerate(lines) if line.startswith(b">")]
    if heads:
        at = random.choice(heads)
        lines[at] = lines[at] + change.encode()
    return b"\n".join(lines)


def header_field(random: Random, data: bytes) -> bytes:
    """One more field of a header, or one of another value."""
    name = random.choice(("TARGET", "SET", "VALIDATION", "MASK", "target", "Set", "X", ""))
    value = random.choice((*TEXTS, *NUMBERS, "trian", "train", "test", "True", "01", "a b"))
    return _header(random, data, f" {name}={value}")


def header_long(random: Random, data: bytes) -> bytes:
    """A header that does not end for a long time."""
    return _header(
        random, data, random.choice((" ", "", "=", " a=")) + random.choice(("A", "A=", " ", "=", "a ")) * 60_000
    )


def header_without_id(random: Random, data: bytes) -> bytes:
    """A header without any name."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    return b"\n".join([*lines[:at], random.choice((b">", b"> ", b">\t", b">=", b">\xc2\xa0")), *lines[at:]])


def header_again(random: Random, data: bytes) -> bytes:
    """One header twice, with or without a sequence between."""
    lines = data.split(b"\n")
    heads = [line for line in lines if line.startswith(b">")] or [b">a"]
    at = random.randrange(len(lines))
    return b"\n".join([*lines[:at], random.choice(heads), *lines[at:]])


def other_letters(random: Random, data: bytes) -> bytes:
    """Letters that are no residues, or only look like some."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    new = random.choice(
        ("*", "-", ".", "X", "B", "Z", "1", "А", "ＡＣＤ", "ä", "ß", "ﬁ", "\u0130", "acd", " A C ", ">A", ";A")
    )
    return b"\n".join([*lines[:at], lines[at] + new.encode(), *lines[at + 1 :]])


def wrapped(random: Random, data: bytes) -> bytes:
    """Sequences over several lines."""
    lines = []
    for line in data.split(b"\n"):
        lines += (
            [line] if line.startswith((b">", b"\xef\xbb\xbf>")) else [line[i : i + 3] for i in range(0, len(line), 3)]
        )
    return b"\n".join(lines) + b"\n"


class Fasta(FileReader):
    """FASTA, plain and gzipped."""

    name = "fasta"
    mutators: ClassVar[tuple[Mutator, ...]] = (
        header_field, header_long, header_without_id, header_again, other_letters, wrapped,
    )  # fmt: skip
    harmless: ClassVar[tuple[Mutator, ...]] = (wrapped,)

    def seeds(self) -> list[Seed]:
        """Labels; parts; names of other scripts; gzip."""
        rows = sequences()
        plain = "".join(f">p{i} TARGET={'ab'[i % 2]}\n{row}\n" for i, row in enumerate(rows))
        parts = "".join(
            f">p{i} TARGET={'ab'[i // 2 % 2]} SET={('train', 'test')[i % 2]} VALIDATION={i == 4}\n{row}\n"
            for i, row in enumerate(rows)
        )
        names = "\ufeff" + "".join(
            f">蛋白|é{i} ein Name TARGET={'äb'[i % 2]}\r\n{row}\r\n" for i, row in enumerate(rows)
        )
        by_column = {"split": {"by": "predefined"}}
        return [
            Seed("plain.fasta", plain.encode(), PROTEIN),
            Seed("parts.fa", parts.encode(), PROTEIN, by_column),
            Seed("names.faa", names.encode(), PROTEIN),
            Seed("zipped.fasta.gz", gzip.compress(plain.encode(), mtime=0), PROTEIN),
        ]


class Delimited(FileReader):
    """CSV and TSV with a column of sequences."""

    name = "csv"
    mutators: ClassVar[tuple[Mutator, ...]] = (*CELLS, other_letters)

    def seeds(self) -> list[Seed]:
        """Commas, tabs, semicolons; quotes; a byte order mark and Windows' line breaks; gzip; other scripts."""
        rows = sequences()

        def table(delimiter: str, name: str = "p", end: str = "\n", **more: int) -> str:
            out = io.StringIO()
            writer = csv.writer(out, delimiter=delimiter, lineterminator=end, **more)  # type: ignore[arg-type]
            writer.writerow(["id", "sequence", "label", "set"])
            writer.writerows(
                [f"{name}{i}", row, "ab"[i // 2 % 2], ("train", "test")[i % 2]] for i, row in enumerate(rows)
            )
            return out.getvalue()

        simple = "sequence,label\n" + "".join(f"{row},{i % 2}\n" for i, row in enumerate(rows))
        return [
            Seed("simple.csv", simple.encode(), PROTEIN),
            Seed("parts.csv", table(",").encode(), PROTEIN, {"split": {"by": "predefined"}}),
            Seed("tabs.tsv", table("\t").encode(), PROTEIN),
            Seed("semicolons.csv", table(";").encode(), PROTEIN),
            Seed("quoted.csv", table(",", 'a, "b"\n', quoting=csv.QUOTE_ALL).encode(), PROTEIN),
            Seed("marked.csv", ("\ufeff" + table(",", "蛋白é", "\r\n")).encode(), PROTEIN),
            Seed("zipped.csv.gz", gzip.compress(table(",").encode(), mtime=0), PROTEIN),
        ]
