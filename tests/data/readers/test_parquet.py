"""Damaged Parquet is refused wherever the damage lies."""

import random

import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped
from xmr.errors import DataError, XmrError

arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")


def read(path, reads):
    if reads == "time":
        return read_time_table(path, Columns())
    return read_all(path, Columns(reads=reads), "fail", Skipped())


@pytest.fixture
def whole(tmp_path):
    columns = {"date": list(range(300)), "sequence": [float(n % 7) for n in range(300)], "label": [1.0, 2.0] * 150}
    parquet.write_table(arrow.table(columns), tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


@pytest.mark.parametrize("reads", ["text", "table", "series", "time"])
def test_damage_behind_a_good_footer(whole, reads):
    read(whole, reads)
    content = bytearray(whole.read_bytes())
    content[4:400] = bytes(396)
    whole.write_bytes(content)
    with pytest.raises(DataError, match=r"x\.parquet: found damaged Parquet behind row 0 \(.*expected a whole Parquet"):
        read(whole, reads)
    whole.write_bytes(b"PAR1 not really")
    with pytest.raises(DataError, match=r"x\.parquet: found a file that is not Parquet"):
        read(whole, reads)


def test_mutations_are_read_or_refused(whole):
    rng, content = random.Random(0), whole.read_bytes()
    refused = 0
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(3):
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        whole.write_bytes(changed)
        try:
            read(whole, rng.choice(["text", "table", "series", "time"]))
        except XmrError:
            refused += 1
    assert refused > 50


def test_infinite_numbers_and_bytes_are_no_gaps(tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(arrow.table({"a": [1.0, float("inf"), float("nan")], "label": ["x", "y", "x"]}), path)
    assert read(path, "table").inputs == ["1", "inf", ""]
    parquet.write_table(arrow.table({"a": [b"abc", b"\xff"], "label": ["x", "y"]}), path)
    with pytest.raises(DataError, match=r"x\.parquet: found bytes that are not text behind row 0"):
        read(path, "table")
