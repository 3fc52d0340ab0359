"""Columns go by the names asked for, then by those of the training file, then by usual ones."""

import json
from dataclasses import replace

import pytest

from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.readers.time_series import read_time_table
from xmr.data.records import Skipped
from xmr.errors import DataError

TRAINED = Columns("peptide", ("binds", "soluble"), "code", group="patient", skip=("age", "note"))


def test_names_of_the_training_file_serve_where_a_file_has_them():
    header = ["peptide", "binds", "soluble", "patient", "name"]
    found = Columns(trained=TRAINED).within(header)
    assert found == Columns("peptide", ("binds", "soluble"), None, group="patient")
    assert Columns(trained=TRAINED).within([*header, "note"]).skip == ("note",)
    assert Columns(skip=("name",), trained=TRAINED).within([*header, "note"]).skip == ("name",)
    assert Columns("name", ("binds",), trained=TRAINED).within(header).given() == {
        "input": "name",
        "group": "patient",
        "target": ("binds",),
    }
    assert Columns(trained=TRAINED).within(["sequence", "label"]) == Columns()


def test_a_file_with_some_of_the_labels_lacks_the_others():
    header = ["peptide", "binds"]
    assert Columns(trained=TRAINED).within(header).target == ("binds", "soluble")
    assert Columns(trained=TRAINED, need_target=False).within(header).target == ("binds",)


def test_names_go_through_json():
    assert Columns.of(json.loads(json.dumps(TRAINED.given()))) == TRAINED
    assert Columns.of({}) == Columns()


@pytest.mark.parametrize(
    "wrong", [{"input": 3}, {"inputs": "a"}, {"target": [1]}, {"need_target": "no"}, {"skip": [2]}]
)
def test_what_is_no_name_is_refused(wrong):
    with pytest.raises(TypeError, match="columns"):
        Columns.of(wrong)


def test_columns_that_are_not_read(tmp_path):
    (tmp_path / "wide.csv").write_text("t0,age,t1,label,note\n1,70,2,up,x\n3,80,4,down,y\n")
    (tmp_path / "long.csv").write_text("id,time,x,note,label\na,1,1,n,up\na,2,2,n,up\nb,1,3,n,down\nb,2,4,n,down\n")
    (tmp_path / "over.csv").write_text("date,x,place\n1,1,here\n2,2,there\n")
    wide = Columns(reads="series", skip=("age", "note"))
    assert read_all(tmp_path / "wide.csv", wide, "fail", Skipped()).arrays.tolist() == [[[1, 2]], [[3, 4]]]
    long = Columns(reads="series", skip=("note",))
    assert read_all(tmp_path / "long.csv", long, "fail", Skipped()).arrays.tolist() == [[[1, 2]], [[3, 4]]]
    assert read_all(tmp_path / "wide.csv", replace(wide, reads="table"), "fail", Skipped()).columns == ("t0", "t1")
    with pytest.raises(
        DataError, match=r"over\.csv:2: place: found 'here'; expected a number \(or data.ignore_columns: \[place\]"
    ):
        read_time_table(tmp_path / "over.csv", Columns())
    assert read_time_table(tmp_path / "over.csv", Columns(skip=("place",))).names == ("x",)
    assert read_time_table(tmp_path / "over.csv", Columns(features=("x",))).names == ("x",), "as the program wants"
    with pytest.raises(
        DataError, match=r"over\.csv:1: found columns date, x, place; expected a column 'X'; did you mean x"
    ):
        read_time_table(tmp_path / "over.csv", Columns(features=("X",)))
    for reads, name in (("series", "wide"), ("series", "long"), ("table", "wide")):
        with pytest.raises(DataError, match=r"expected a column 'notes' \(data.ignore_columns\); did you mean note"):
            read_all(tmp_path / f"{name}.csv", Columns(reads=reads, skip=("notes",)), "fail", Skipped())
