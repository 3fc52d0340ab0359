"""Time series in every form."""

from __future__ import annotations

import gzip
import io
import re
from random import Random
from typing import ClassVar

import numpy as np

from tests.fuzz.damage import BINARY, NUMBERS, TEXT, TEXTS, Mutator
from tests.fuzz.readers.arrays import ARRAYS, npz
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.rows import CELLS

SERIES = {"name": "series"}
BOTH = {"name": "series", "length": "resample", "missing": "interpolate"}


def wide(n: int = 12, length: int = 10) -> tuple[np.ndarray, list[str]]:
    """Values (n, length) with a few gaps, and labels."""
    rng = np.random.default_rng(5)
    kinds = ["slow" if i // 2 % 2 else "fast" for i in range(n)]
    clock = np.arange(length) / length
    values = np.stack([np.sin(6.3 * clock * (1 + 2 * (kind == "fast"))) + rng.normal(0, 0.1, length) for kind in kinds])
    return values.round(3).astype(np.float32), kinds


def ts_header(random: Random, data: bytes) -> bytes:
    """A tag of a .ts file gone, twice, or of another value."""
    found = list(re.finditer(rb"@\w+[^\n]*", data))
    if not found:
        return data
    one = random.choice(found)
    new = random.choice((
        b"", one[0] * 2, one[0] + b"\n" + one[0], b"@data", b"@DATA", b"@classLabel true", b"@classLabel false",
        b"@classLabel true a b c", b"@targetLabel true", b"@univariate false", b"@equalLength true",
        b"@timestamps true",
        b"@seriesLength 99999999999", b"@seriesLength -1", b"@seriesLength x", b"@dimensions 2000000000",
        b"@missing maybe",
        b"@problemName", b"@problemname \x1b[2J", b"@dimension 1:2",
    ))  # fmt: skip
    return data[: one.start()] + new + data[one.end() :]


def ts_row(random: Random, data: bytes) -> bytes:
    """A row with channels, values or a label too many or too few."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    cells = re.split(rb"([:,])", lines[at])
    pick = random.randrange(len(cells))
    cells[pick] = random.choice((*NUMBERS, *TEXTS, "", ":", ",", "::", "a:b", "(0,1.5)", "1 1")).encode()
    return b"\n".join([*lines[:at], b"".join(cells), *lines[at + 1 :]])


def time_text(random: Random, data: bytes) -> bytes:
    """A time that is repeated, empty, written otherwise, or beyond all clocks."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    cells = lines[at].split(b",")
    times = (
        "",
        "nan",
        "0",
        "1",
        "-1",
        "1e400",
        "inf",
        "2020-01-01",
        "2020-13-01",
        "99999-01-01",
        "NaT",
        "now",
        "1_0",
        "٣",
        "now()",
    )
    cells[min(1, len(cells) - 1)] = random.choice(times).encode()
    return b"\n".join([*lines[:at], b",".join(cells), *lines[at + 1 :]])


class Series(FileReader):
    """.ts, .arff, .tsv, .csv wide and long, .txt, .npz, .npy, .gz."""

    name = "series"
    mutators: ClassVar[tuple[Mutator, ...]] = (*CELLS, ts_header, ts_header, ts_row, ts_row, time_text, time_text)

    def seeds(self) -> list[Seed]:
        """One of each form."""
        values, kinds = wide()
        texts = [[f"{x:g}" for x in row] for row in values]
        gaps = [["" if (i + j) % 17 == 3 else cell for j, cell in enumerate(row)] for i, row in enumerate(texts)]
        number = [{"slow": "1", "fast": "2"}[kind] for kind in kinds]
        head = "id," + ",".join(f"t{j}" for j in range(len(texts[0]))) + ",label\n"
        csv = head + "".join(f"s{i},{','.join(row)},{kind}\n" for i, (row, kind) in enumerate(zip(gaps, kinds)))
        tsv = "".join("\t".join([label, *row]) + "\n" for label, row in zip(number, texts))
        txt = "".join("  ".join([f"{float(label):.1f}", *row]) + "\n" for label, row in zip(number, texts))
        ts = (
            "@problemName waves\n@timestamps false\n@missing true\n@univariate true\n@equalLength true\n"
            "@seriesLength 10\n@classLabel true slow fast\n@data\n"
            + "".join(f"{','.join(cell or '?' for cell in row)}:{kind}\n" for row, kind in zip(gaps, kinds))
        )
        two = (
            "@problemName waves\n@timestamps false\n@missing false\n@univariate false\n@dimensions 2\n"
            "@equalLength false\n@classLabel true slow fast\n@data\n"
            + "".join(
                f"{','.join(row[: 6 + i % 4])}:{','.join(row[: 6 + i % 4][::-1])}:{kind}\n"
                for i, (row, kind) in enumerate(zip(texts, kinds))
            )
        )
        arff = "@relation waves\n" + "".join(f"@attribute att{j} numeric\n" for j in range(10))
        arff += "@attribute target {slow,fast}\n@data\n"
        arff += "".join(f"{','.join(row)},{kind}\n" for row, kind in zip(texts, kinds))
        long = "id,time,a,b,label\n" + "".join(
            f"s{i},{j if i % 2 else j * 2},{a},{b},{kind}\n"
            for i, (row, kind) in enumerate(zip(texts, kinds))
            for j, (a, b) in enumerate(zip(row, row[::-1]))
        )
        dated = "id,date,a,label\n" + "".join(
            f"é{i},2020-01-{j + 1:02d} 06:00,{cell},{kind}\n"
            for i, (row, kind) in enumerate(zip(texts, kinds))
            for j, cell in enumerate(row)
        )
        semicolons = csv.replace(".", "§").replace(",", ";").replace("§", ",")
        bare = io.BytesIO()
        np.save(bare, values)
        return [
            Seed("wide.csv", csv.encode(), SERIES),
            Seed("semicolons.csv", semicolons.encode(), SERIES),
            Seed("marked.csv.gz", gzip.compress(("\ufeff" + csv.replace("\n", "\r\n")).encode(), mtime=0), SERIES),
            Seed("ucr.tsv", tsv.encode(), SERIES, ways=("train",)),
            Seed("ucr.txt", txt.encode(), SERIES, ways=("train",)),
            Seed("waves.ts", ts.encode(), SERIES),
            Seed("two.ts", two.encode(), BOTH),
            Seed("waves.arff", arff.encode(), SERIES),
            Seed("long.csv", long.encode(), SERIES),
            Seed("dated.csv", dated.encode(), BOTH, {"time": "date"}),
            Seed("waves.npz", npz(series=values, labels=np.array(kinds)), SERIES),
            Seed("bare.npy", bare.getvalue(), SERIES, ways=("predict", "skip"), valid="waves.npz"),
        ]

    def general(self, seed: Seed) -> tuple[Mutator, ...]:
        """Bytes of arrays are damaged otherwise than text."""
        binary = seed.file.endswith((".npz", ".npy"))
        return BINARY if binary else TEXT

    def special(self, seed: Seed) -> tuple[Mutator, ...]:
        """See `general`."""
        return ARRAYS if seed.file.endswith((".npz", ".npy")) else self.mutators
