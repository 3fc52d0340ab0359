"""What is a number and what a missing value in text, for every reader alike."""

import numpy as np
import pytest

from xmr.data.readers.numbers import as_numbers, is_gap, is_number
from xmr.data.records import Records
from xmr.encoders.columns import counts_rows
from xmr.encoders.table import TableEncoder
from xmr.tasks.base import task_class

ODD = ["1_000", "1_0", "\u0661", "\uff11", "\u00b2", "1,5", "0x10", "x"]


@pytest.mark.parametrize("cell", ["1", "-1.5", "+.5", "1.", "1e-3", " 2 "])
def test_numbers(cell):
    assert is_number(cell)
    assert as_numbers([cell]).tolist() == [float(cell)]


@pytest.mark.parametrize("cell", ODD)
def test_what_float_takes_too_generously_is_no_number(cell):
    assert not is_number(cell)
    with pytest.raises(ValueError, match=r".*"):
        as_numbers(["1", cell])


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999", "9" * 400, "nan"])
def test_no_finite_number(cell):
    assert not is_number(cell)


def test_gaps_are_nan_and_the_endless_stays_to_be_refused():
    cells = ["", "?", "NA", "n/a", "NaN", "null", "None", "-", " ", "1e999", "-inf", "3"]
    assert all(map(is_gap, cells[:9]))
    np.testing.assert_array_equal(as_numbers(cells, np.float32), [*[np.nan] * 9, np.inf, -np.inf, 3])


def test_labels_of_a_regression_are_numbers_by_the_same_rule():
    assert "finite number" in task_class("regression").check_labels(Records.of(["A"], {"y": ["1_0"]}))[0]
    assert task_class("classification").fit(Records.of(["A"] * 3, {"y": ["1_0", "2", "10"]})).names == (
        "2",
        "10",
        "1_0",
    )


def test_nan_is_no_class():
    assert task_class("classification").check_labels(Records.of(["A"], {"y": ["NaN"]})) == {
        0: "found 'NaN' in 'y', which is no label; expected one"
    }


def test_superscripts_and_endless_digits_number_no_rows():
    assert not counts_rows("id", ["\u00b2"] * 20)
    assert not counts_rows("id", [f"{n}{'0' * 5000}" for n in range(20)])
    assert counts_rows("id", [str(n) for n in range(20)])


def test_a_column_with_an_odd_number_names_the_row():
    records = Records.of([str(n) for n in range(19)] + ["1_0"])
    records.columns = ("a",)
    assert "found '1_0' in column 'a'; expected a number" in TableEncoder(columns={"a": "number"}).check(records)[19]
