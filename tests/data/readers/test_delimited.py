"""Files as spreadsheets write them where the comma is the decimal sign."""

import re
from pathlib import Path

import numpy as np
import pytest

from xmr.data.columns import Columns
from xmr.data.readers.delimited import DecimalCommas
from xmr.data.readers.read import read_all
from xmr.data.readers.tables import SEPARATOR
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped
from xmr.data.settings import DataSettings
from xmr.encoders.protein import ProteinEncoder
from xmr.errors import DataError
from xmr.prepare import prepare


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


SAID = r"semicolons between cells, so commas in numbers are decimal \(1,000 on line 2 is 1\.000\)"


def test_ids_and_texts_keep_their_commas(tmp_path):
    found = read(tmp_path, "id;text;label\n1,5;2,5;1,000\n1.5;x;2,5\n", Columns(), "t.csv")
    assert (found.ids, found.inputs, found.labels["label"]) == (["1,5", "1.5"], ["2,5", "x"], ["1.000", "2.5"])
    assert re.search(SAID, found.notes[0])
    found = read(tmp_path, "id;a;label\n1,5;1,000;no\n1.5;3,5;yes\n", Columns(reads="table"))
    assert (found.ids, found.inputs) == (["1,5", "1.5"], ["1.000", "3.5"])
    assert re.search(SAID, found.notes[0])
    found = read(tmp_path, "id;t0;t1;label\n1,5;1,000;1;a\n1.5;3,5;2;b\n", Columns(reads="series"))
    assert found.ids == ["1,5", "1.5"]
    assert re.search(SAID, found.notes[0])
    (tmp_path / "x.csv").write_text("date;load\n1;1,000\n2;2,5\n")
    assert re.search(SAID, read_time_table(tmp_path / "x.csv", Columns()).notes[0])


def test_where_no_comma_was_decimal_nothing_is_told(tmp_path):
    assert not read(tmp_path, "id;a;label\n1,5;1.000;no\n1.5;3.5;yes\n", Columns(reads="table")).notes
    assert not read(tmp_path, 'a,label\n"1,5",no\n"2,5",yes\n', Columns(reads="table")).notes


def test_the_rule_is_told_before_training(tmp_path):
    (tmp_path / "x.csv").write_text("sequence;label\n" + "".join(f"ACD{c};1,{i}\n" for i, c in enumerate("ACDEFGHIKL")))
    prepared = prepare(DataSettings(path=str(tmp_path / "x.csv")), "regression", ProteinEncoder(), 0)
    assert prepared.summary().endswith("commas in numbers are decimal (1,0 on line 2 is 1.0)")


@pytest.mark.parametrize("reads", ["text", "table", "series"])
def test_a_column_with_both_decimal_signs_is_refused(tmp_path, reads):
    said = r"x\.csv:3: found '1\.500' in column \d, and '1,5' on line 2; expected one decimal sign in a column"
    with pytest.raises(DataError, match=said):
        read(tmp_path, "sequence;x;label\n1;2;1,5\n3;4;1.500\n", Columns(reads=reads))


@pytest.mark.parametrize("reads", ["text", "table"])
@pytest.mark.parametrize("name", ["x.tsv", "x.csv"])
def test_a_lone_quote_between_tabs_takes_no_rows_in(tmp_path, reads, name):
    said = r"x\..sv:3: found a quote that extends to line 5, over tabs and line breaks; expected quotes that close"
    with pytest.raises(DataError, match=said):
        read(tmp_path, 'sequence\tlabel\na\tACD\n"b\tACE\nc\tACF\nd"\tACG\n', Columns(reads=reads), name)
    found = read(tmp_path, 'sequence\tlabel\n"a\tb"\tACD\n"b\nc"\tACE\n', Columns(), name)
    assert found.inputs == ["a\tb", "b\nc"]


@pytest.mark.parametrize("reads", ["text", "table"])
def test_a_cell_may_be_as_long_as_a_genome(tmp_path, reads):
    found = read(tmp_path, f"sequence,label\n{'ACGT' * 50_000},1\nACGT,0\n", Columns(reads=reads))
    assert len(found.inputs[0]) == 200_000


def test_a_quote_that_is_never_closed_is_named_where_it_opens(tmp_path):
    text = "sequence,label\nACD,1\n" + '"ACE,0\n' + "ACF,1\n" * 50
    with pytest.raises(DataError, match=r"x\.csv:3: found unexpected end of data; expected well-formed quoting"):
        read(tmp_path, text, Columns())
