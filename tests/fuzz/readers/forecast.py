"""Tables over time: a column of time, channels beside it."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

import numpy as np

from tests.fuzz.damage import Mutator
from tests.fuzz.readers.files import FileReader, Seed
from tests.fuzz.readers.rows import CELLS

FORECAST: tuple[dict[str, Any], dict[str, Any], tuple[Any, ...]] = (
    {"name": "forecast", "context_length": 6, "horizon": 2, "season": 4},
    {"split": {"by": "time", "test": 0.3, "validation": 0}},
    ("train", "predict"),
)


def over_time(n: int = 40) -> tuple[list[str], np.ndarray]:
    """Days, and two channels (n, 2)."""
    rng = np.random.default_rng(9)
    clock = [f"2020-{1 + i // 28:02d}-{1 + i % 28:02d}" for i in range(n)]
    wave = np.sin(np.arange(n) * 1.57)
    return clock, np.stack([wave + rng.normal(0, 0.1, n), 100 * wave + np.arange(n)], axis=1).round(2)


def clock(random: Random, data: bytes) -> bytes:
    """A time that goes back, is repeated, empty, of another form or beyond all clocks."""
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    sign = b"\t" if b"\t" in data else b","
    cells = lines[at].split(sign)
    other = random.choice(lines).split(sign)[0]
    texts = (other, b"", b"nan", b"0", b"2019-01-01", b"2020-13-01", b"99999-01-01", b"2020-01-01T00:00:00+25:00", b"x")
    cells[0] = random.choice((*texts, b"1_0", "٣".encode(), b"-inf", b"1e400", b"01/02/2020", b"2020-02-30"))
    return b"\n".join([*lines[:at], sign.join(cells), *lines[at + 1 :]])


class Forecast(FileReader):
    """CSV and TSV."""

    name = "forecast"
    mutators: ClassVar[tuple[Mutator, ...]] = (*CELLS, clock, clock, clock)

    def seeds(self) -> list[Seed]:
        """Days, numbers, dates of another form; a gap; quotes and a byte order mark."""
        days, held = over_time()
        rows = list(zip(days, held[:, 0], held[:, 1]))
        plain = "date,a,b\n" + "".join(f"{day},{a},{b}\n" for day, a, b in rows)
        tabs = "time\tα\tb\n" + "".join(f"{i}\t{a}\t{b}\n" for i, (_, a, b) in enumerate(rows))
        gaps = "date,a,b\n" + "".join(f"{day},{'' if i == 5 else a},{b}\n" for i, (day, a, b) in enumerate(rows))
        marked = '\ufeff"date","a, or b"\r\n' + "".join(f'"{day}","{a}"\r\n' for day, a, _ in rows)
        semicolons = "date;a;b\n" + "".join(f"{day};{a};{b}\n".replace(".", ",") for day, a, b in rows)
        encoder, data, ways = FORECAST
        return [
            Seed("plain.csv", plain.encode(), encoder, data, ways),
            Seed("tabs.tsv", tabs.encode(), encoder, data, ways),
            Seed("gaps.csv", gaps.encode(), {**encoder, "missing": "carry"}, data, ways),
            Seed("marked.csv", marked.encode(), encoder, data, ways),
            Seed("semicolons.csv", semicolons.encode(), encoder, data, ways),
        ]
