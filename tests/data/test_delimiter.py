"""Files as spreadsheets write them where the comma is the decimal sign."""

from pathlib import Path

import numpy as np
import pytest

from xmr.data.delimiter import DecimalCommas
from xmr.data.forecast import read_time_table
from xmr.data.read import read_all
from xmr.data.records import Skipped
from xmr.data.rows import SEPARATOR
from xmr.data.tables import Columns
from xmr.errors import DataError


def read(tmp_path, text, columns, name="x.csv"):
    (tmp_path / name).write_text(text)
    return read_all(tmp_path / name, columns, "fail", Skipped())


def test_only_numbers_lose_their_comma():
    assert DecimalCommas(Path("x.csv")).points(1, ["1,5", "-0,25e-3", "a,b", "1,2,3", "1,", ",5", " 2,0 "]) == [
        "1.5", "-0.25e-3", "a,b", "1,2,3", "1,", ",5", " 2.0 ",
    ]  # fmt: skip


@pytest.mark.parametrize("mark", [";", "\t"])
def test_sequences(tmp_path, mark):
    found = read(tmp_path, f"\ufeffsequence{mark}label\nACD{mark}1,5\nKLM{mark}0,5\n", Columns())
    assert found.inputs == ["ACD", "KLM"]
    assert found.labels["label"] == (["1.5", "0.5"] if mark == ";" else ["1,5", "0,5"])
    assert found.line == [2, 3]


def test_empty_lines_before_the_header(tmp_path):
    found = read(tmp_path, "\n \nsequence;label\n\nACD;1\nKLM;0\n", Columns())
    assert found.inputs == ["ACD", "KLM"]
    assert found.line == [5, 6]
    with pytest.raises(DataError, match=r"x\.csv:2: found columns seq-uence, label"):
        read(tmp_path, "\nseq-uence;label\nACD;1\n", Columns())
    with pytest.raises(DataError, match=r"x\.csv:1: found an empty file"):
        read(tmp_path, "\n\n", Columns())


def test_commas_stay_what_they_are_where_they_part_cells(tmp_path):
    found = read(tmp_path, 'sequence,label\nACD,"1,5"\n', Columns())
    assert found.labels["label"] == ["1,5"]
    found = read(tmp_path, "text;label\nto be; or not\n", Columns())
    assert found.inputs == ["to be"]
    found = read(tmp_path, "text,label\nto be; or not,1\n", Columns())
    assert found.inputs == ["to be; or not"]


@pytest.mark.parametrize("head", ["age;income;risk\n", ""])
def test_rows_of_a_table(tmp_path, head):
    rows = "".join(f"{i},5;{i};{'ab'[i % 2]}\n" for i in range(6))
    columns = Columns(target=("risk",), reads="table", names=() if head else ("age", "income", "risk"))
    found = read(tmp_path, head + rows, columns)
    assert found.inputs[1] == SEPARATOR.join(("1.5", "1"))
    assert found.labels["risk"] == list("ababab")


def test_rows_of_decimal_commas_alone(tmp_path):
    columns = Columns(target=("c",), reads="table", names=("a", "b", "c"))
    found = read(tmp_path, "1,5;2,5;3,5\n4,5;5,5;6,5\n", columns)
    assert found.inputs == [SEPARATOR.join(("1.5", "2.5")), SEPARATOR.join(("4.5", "5.5"))]


def test_series(tmp_path):
    found = read(tmp_path, "label;t0;t1;t2\na;1,5;2;3\nb;4;5,25;6\n", Columns(reads="series"))
    assert np.array_equal(found.arrays[:, 0], np.array([[1.5, 2, 3], [4, 5.25, 6]], np.float32))
    assert found.labels["label"] == ["a", "b"]


def test_a_table_over_time(tmp_path):
    (tmp_path / "x.csv").write_text("date;load\n2020-01-01;1,5\n2020-01-02;2,5\n")
    assert read_time_table(tmp_path / "x.csv", Columns()).values.tolist() == [[1.5], [2.5]]
