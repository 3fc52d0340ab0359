"""Small valid files with a few bytes changed: each is read or refused in one line; nothing else is raised."""

import gzip
import random
import zlib

import numpy as np
import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all, stream
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped
from xmr.encoders.forecast import ForecastEncoder
from xmr.encoders.protein import ProteinEncoder
from xmr.encoders.series import SeriesEncoder
from xmr.encoders.table import TableEncoder
from xmr.errors import XmrError
from xmr.tasks.base import task_class

JUNK = [
    b"\0",
    b"\x1f",
    b"\r",
    b'"',
    b"'",
    b"\xff",
    b"inf",
    b"nan",
    b"1e999",
    b"9" * 5000,
    b"1_0",
    b"\n",
    b",",
    b";",
    b"\t",
]
JUNK += [b"{", b"%", b"@data\n", b">", b"|", b"\\", b"1,5", b"NaT", b"now", b"9999-12-31", b"SET=x", b"\xef\xbb\xbf"]
JUNK += ["\u00b2".encode(), "\u0661".encode(), b""]


def rows(mark, head, cells, n=20):
    lines = [head, *([str(cell(i)) for cell in cells] for i in range(n))]
    return "".join(mark.join(line) + "\n" for line in lines).encode()


AGES = (["age", "town", "day", "label"], [int, lambda i: "ab"[i % 2], lambda i: f"2020-01-{i + 1:02}", lambda i: i % 2])
WIDE = (["label", "t0", "t1", "t2"], [lambda i: "ab"[i % 2], lambda i: i / 2, lambda i: -i, lambda i: i * i])
LONG = (["id", "time", "x", "label"], [lambda i: i // 4, lambda i: i % 4, lambda i: i / 2, lambda i: i // 4 % 2])
TEXT = (["id", "sequence", "label"], [lambda i: f"p{i}", lambda i: "ACDEFGHIKL"[: i + 1], lambda i: i % 2])
OVER = (["date", "a", "b"], [lambda i: f"2020-01-{i + 1:02}", lambda i: i / 2, lambda i: i * i])
FASTA = "".join(
    f">p{i} TARGET={i % 2} SET={['train', 'test'][i % 2]}\nACDEF{'GHIKL'[i % 5]}\nM\n" for i in range(9)
).encode()
ARFF = b"@relation t\n@attribute a numeric\n@attribute b {x,'y z'}\n@attribute label {0,1}\n@data\n"
ARFF += b"".join(b"%d,%s,%d\n" % (i, [b"x", b"'y z'"][i % 2], i % 2) for i in range(12))
FILES = [
    ("t.csv", "table", rows(",", *AGES)),
    ("t.csv", "table", rows(";", *AGES)),
    ("t.data", "table", rows(" ", *AGES)),
    ("t.tsv", "table", rows("\t", *AGES)),
    ("t.arff", "table", ARFF),
    ("s.csv", "sequences", rows(",", *TEXT, 10)),
    ("s.tsv", "sequences", rows("\t", *TEXT, 10)),
    ("s.fasta", "sequences", FASTA),
    ("s.fasta.gz", "sequences", gzip.compress(FASTA, mtime=0)),
    ("w.csv", "series", rows(",", *WIDE)),
    ("w.csv", "series", rows(";", *WIDE).replace(b".", b",")),
    ("l.csv", "series", rows(",", *LONG)),
    ("u_TRAIN.tsv", "series", rows("\t", *WIDE).partition(b"\n")[2]),
    ("u_TRAIN.txt", "series", rows(" ", *WIDE).partition(b"\n")[2]),
    ("o.csv", "time", rows(",", *OVER)),
    ("o.tsv", "time", rows("\t", *OVER)),
]


def mutated(content, rng):
    """One to three changes: a bit, a stretch cut out, the end cut off, a line doubled, bytes put in or over others."""
    made = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        at = rng.randrange(len(made) or 1)
        kind = rng.randrange(6)
        if kind == 0 and made:
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del made[at : at + rng.randrange(1, 40)]
        elif kind == 2 and rng.random() < 0.3:
            del made[at:]
        elif kind == 3:
            lines = bytes(made).split(b"\n")
            lines.insert(rng.randrange(len(lines)), rng.choice(lines))
            made = bytearray(b"\n".join(lines))
        else:
            made[at : at + (kind == 4) * rng.randrange(6)] = rng.choice(JUNK)
    return bytes(made)


def through(path, reads):
    """Read, checked and encoded as for a run; and read again record by record, as for a prediction."""
    if reads == "time":
        table = read_time_table(path, Columns())
        encoder = ForecastEncoder(4, 2, missing="carry").fit_rows(table)
        assert np.isfinite(encoder.latest(table).arrays).all()
        return
    records = read_all(path, Columns(reads=reads, target=("label",) if reads == "table" else ()), "fail", Skipped())
    assert sum(map(len, stream(path, Columns(reads=reads, need_target=False), 1))) == len(records)
    encoder = {"table": TableEncoder, "series": SeriesEncoder, "sequences": ProteinEncoder}[reads]()
    encoder.configure(128)
    if task_class("classification").check_labels(records) or encoder.check(records):
        return
    task_class("classification").fit(records).encode(records)
    encoded = encoder.fit(records).encode(records)
    assert len(encoded) == len(records)
    if reads == "table":
        assert np.isfinite(encoded.numbers.numpy()).all()


@pytest.mark.parametrize(("name", "reads", "content"), FILES, ids=[f"{name}-{reads}" for name, reads, _ in FILES])
def test_changed_files_are_read_or_refused(tmp_path, name, reads, content):
    path = tmp_path / name
    path.write_bytes(content)
    through(path, reads)
    rng = random.Random(zlib.crc32(content))
    refused = []
    for _ in range(60):
        path.write_bytes(mutated(content, rng))
        try:
            through(path, reads)
        except XmrError as error:
            refused.append(str(error))
    assert len(refused) > 5
    assert all(str(path) in said or "encoder." in said for said in refused), "each names the file or the field"
    assert max(map(len, refused)) < 8000
