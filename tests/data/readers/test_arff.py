"""ARFF as rows of a table."""

import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.tables import SEPARATOR
from xmr.data.records import Skipped
from xmr.errors import DataError

HEAD = "% a remark\n@relation 'my table'\n@ATTRIBUTE 'the age' NUMERIC\n@attribute town {Oslo, 'New York'}\n"
HEAD += "@attribute note string\n@attribute label {yes,no}\n\n@data\n"


def read(tmp_path, text):
    (tmp_path / "x.arff").write_text(text)
    return read_all(tmp_path / "x.arff", Columns(reads="table"), "fail", Skipped())


def test_rows_with_their_lines(tmp_path):
    found = read(tmp_path, HEAD + "28.0,Oslo,'a, b',yes\n% remark\n\n ?, 'New York', \"it's\", no\n2.5,?,c,no\n")
    assert found.columns == ("the age", "town", "note")
    assert [text.split(SEPARATOR) for text in found.inputs] == [
        ["28", "Oslo", "a, b"],
        ["", "New York", "it's"],
        ["2.5", "?", "c"],
    ]
    assert found.labels == {"label": ["yes", "no", "no"]}
    assert found.line == [9, 12, 13]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("28,Oslo,a,no,extra,7", r"x\.arff:9: found 6 values; expected 4, one for each attribute"),
        ("28,Oslo", r"x\.arff:9: found 2 values; expected 4"),
        ("inf,Oslo,a,no", r"x\.arff:9: the age: found 'inf'; expected a finite number"),
        ("1e999,Oslo,a,no", r"x\.arff:9: the age: found '1e999'; expected a finite number"),
        ("1_0,Oslo,a,no", r"x\.arff:9: the age: found '1_0'"),
        ("28,Olso,a,no", r"x\.arff:9: town: found 'Olso'; expected one of New York, Oslo.*did you mean Oslo"),
        ("{0 28, 3 no}", r"x\.arff:9: found a sparse row"),
        ("28,'Oslo,a,no", r"x\.arff:9: found a quote that is not closed in \"'Oslo\"; expected well-formed quoting"),
    ],
)
def test_rows_that_do_not_fit(tmp_path, row, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, HEAD + row + "\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "@relation x\n@attribute a numeric\n1,2\n",
            r"x\.arff:3: found '1,2'; expected @relation, @attribute or @data",
        ),
        ("@relation x\n@attribute a numeric\n", r"x\.arff:2: found no @data"),
        ("@relation x\n@data\n1\n", r"x\.arff:2: found @data before any @attribute"),
        ("@relation x\n@attribute a relational\n", r"x\.arff:2: a: found the type 'relational'"),
        ("@relation x\n@attribute\n@data\n", r"x\.arff:2: found '@attribute'; expected @attribute NAME TYPE"),
        ("@relation x\n@attribute " + "a" * 200_000 + "{\n", r"x\.arff:2: .*"),
    ],
)
def test_headers_that_say_nothing(tmp_path, text, said):
    with pytest.raises(DataError, match=said):
        read(tmp_path, text)
