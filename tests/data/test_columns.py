"""Columns go by the names asked for, then by those of the training file, then by usual ones."""

import json

import pytest

from xmr.data.tables import Columns

TRAINED = Columns("peptide", ("binds", "soluble"), "code", group="patient")


def test_names_of_the_training_file_serve_where_a_file_has_them():
    header = ["peptide", "binds", "soluble", "patient", "name"]
    found = Columns(trained=TRAINED).within(header)
    assert found == Columns("peptide", ("binds", "soluble"), None, group="patient")
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


@pytest.mark.parametrize("wrong", [{"input": 3}, {"inputs": "a"}, {"target": [1]}, {"need_target": "no"}])
def test_what_is_no_name_is_refused(wrong):
    with pytest.raises(TypeError, match="columns"):
        Columns.of(wrong)
