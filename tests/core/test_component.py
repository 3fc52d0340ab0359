"""What is said of a section that is wrong: one line for each mistake, about the kind of value that was found."""

import pytest

from xmr.core.component import KINDS, MAX_NUMBER, check_section, section_model
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe


@pytest.mark.parametrize(
    ("argument", "found", "said"),
    [
        ("segment_width", [], r"segment_width: found \[\]; expected at least 1 of them"),
        ("segment_width", "wide", r"segment_width: found 'wide'; expected a valid number"),
        ("segment_width", 0, r"segment_width: found 0; expected greater than 0"),
        ("segment_width", [1, 9], r"segment_width\.1: found 9; expected less than or equal to 8"),
        ("value_range", "fixt", r"value_range: found 'fixt'; expected 'per_sample' or 'fixed'; did you mean fixed\?"),
        ("value_range", ["per_sample", "fixt"], r"value_range\.1: found 'fixt'; .*did you mean fixed\?"),
    ],
)
def test_one_value_or_a_list_of_them(argument, found, said):
    with pytest.raises(RecipeError, match=rf"^r\.yaml: transform\.{said}$") as error:
        check_section("transform", {"name": "signal_image", argument: found}, "r.yaml")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.epochs=true", r"training\.epochs: found True; expected a number"),
        ("seed=false", r"seed: found False; expected a number"),
        ("data.split.test=true", r"data\.split\.test: found True; expected a number"),
        ("source.layers=true", r"source\.layers: found True; expected a number"),
        ("data.split.test=.nan", r"data\.split\.test: found nan; expected a finite number"),
    ],
)
def test_true_is_no_number(change, said):
    with pytest.raises(RecipeError, match=said):
        load_recipe("protein/amp", [change])
    assert load_recipe("protein/amp", ["data.shuffle_labels=true"]).data.shuffle_labels is True


ENDLESS = {"weights_file": "x", "model": "x"}  # arguments without a default


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_of_every_component_has_an_end(kind):
    """So that no recipe, and no program folder, asks for memory without end."""
    for entry in KINDS[kind]:
        arguments = section_model(entry.load()).model_json_schema().get("properties", {})
        required = {key: value for key, value in ENDLESS.items() if key in arguments}
        for name, shape in arguments.items():
            kinds = {one.get("type") for one in shape.get("anyOf", [shape])}
            if "integer" in kinds and "enum" not in shape:
                with pytest.raises(RecipeError, match=rf"{kind}\.{name}: found {MAX_NUMBER + 1}; expected"):
                    check_section(kind, {"name": entry.name, **required, name: MAX_NUMBER + 1}, "r.yaml")
            if kinds & {"integer", "number"}:
                for number in (float("inf"), float("nan")):
                    with pytest.raises(RecipeError, match=rf"{kind}\.{name}: found .*; expected"):
                        check_section(kind, {"name": entry.name, **required, name: number}, "r.yaml")


def test_many_problems_are_counted_and_not_compared():
    section = {"name": "linear", **{f"k{number}": 1 for number in range(3000)}}
    with pytest.raises(RecipeError, match="and 2,995 more of the same kind") as error:
        check_section("output", section, "r.yaml")
    assert len(error.value.problems) == 3000
    assert error.value.problems[2000].suggestion is None


@pytest.mark.parametrize("name", [None, 1, ["linear"], {"a": 1}, True])
def test_a_name_that_is_no_text(name):
    with pytest.raises(RecipeError, match="expected one of"):
        check_section("output", {"name": name}, "r.yaml")


def test_a_component_without_a_constructor_has_no_arguments():
    class Bare:
        pass

    assert section_model(Bare).model_fields == {}
