"""What is said of a section that is wrong: one line for each mistake, about the kind of value that was found."""

import pytest

from xmr.component import check_section
from xmr.errors import RecipeError


@pytest.mark.parametrize(
    ("argument", "found", "said"),
    [
        ("segment", [], r"segment: found \[\]; expected at least 1 of them"),
        ("segment", "wide", r"segment: found 'wide'; expected a valid number"),
        ("segment", 0, r"segment: found 0; expected greater than 0"),
        ("segment", [1, 9], r"segment\.1: found 9; expected less than or equal to 8"),
        ("contrast", "fixt", r"contrast: found 'fixt'; expected 'record' or 'fixed'; did you mean fixed\?"),
        ("contrast", ["record", "fixt"], r"contrast\.1: found 'fixt'; .*did you mean fixed\?"),
    ],
)
def test_one_value_or_a_list_of_them(argument, found, said):
    with pytest.raises(RecipeError, match=rf"^r\.yaml: transform\.{said}$") as error:
        check_section("transform", {"name": "signal_picture", argument: found}, "r.yaml")
    assert "\n" not in str(error.value)
