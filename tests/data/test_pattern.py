"""File names are read in linear time, and never by a guess."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xmr.data.pattern import apply_pattern, compiled
from xmr.data.records import Records
from xmr.errors import RecipeError

LONG = "a" * 120


@pytest.mark.parametrize(
    "pattern", ["{label}{}{}{}{}{}{}{}{}{}{}{}{}Z", "{label}{group}", "a/{}{label}", "{set}_{label}{}/{}"]
)
def test_fields_side_by_side_are_refused(pattern):
    """Nothing says where the first one ends; `{label}{take}` would have been the first letter, unsaid."""
    with pytest.raises(RecipeError, match=r"data\.pattern: found two fields side by side.*expected some character"):
        compiled(pattern)


@pytest.mark.parametrize("between", ["a", "_", "aa"])
def test_a_name_that_does_not_fit_is_found_out_at_once(between):
    began = time.perf_counter()
    rule = compiled("{label}" + f"{between}{{}}" * 2000 + "Z")
    for name in (LONG, "a" * 100_000, "a_" * 50_000, "a" * 100_000 + "Y"):
        assert rule.match(name) is None
    assert time.perf_counter() - began < 2


@given(
    st.lists(st.sampled_from(["_", "-", "ab", "a", "/", ".", "_/x"]), min_size=0, max_size=4),
    st.text("ab_-/x.", max_size=14),
    st.sampled_from(["", "a", "_"]),
    st.sampled_from(["", "b", "x"]),
)
def test_what_matches_is_what_the_regular_expression_matched(between, name, before, behind):
    names = ["label", "group", "set", "b", "c"][: len(between) + 1]
    text = "".join(f"{{{n}}}{t}" for n, t in zip(names, [*between, behind]))
    parts = [f"(?P<{n}>[^/]+?){re.escape(t)}" for n, t in zip(names, [*between, behind])]
    expected = re.match(re.escape(before) + "".join(parts) + r"\Z", name)
    assert compiled(before + text).match(name) == (expected.groupdict() if expected else None)


def test_names_without_fields_in_a_folder_and_an_empty_name():
    assert compiled("clips/{label}_{}").match("clips/cat_1") == {"label": "cat"}
    assert compiled("clips/{label}_{}").match("clip/cat_1") is None
    wrong = apply_pattern(Records.of(["", "/", "a/b_1.wav"]), "{label}/{group}_{}")
    assert set(wrong) == {0, 1}
    assert "expected one like {label}/{group}_{}" in wrong[0]


def test_an_unknown_part_in_a_name_is_refused():
    """Such records were in no part at all, and nothing said so."""
    records = Records.of(["cat_train.wav", "cat_VAL.wav", "cat_teach.wav"])
    wrong = apply_pattern(records, "{label}_{set}")
    assert wrong == {2: "found the set 'teach' in the name; expected train, validation or test (data.pattern)"}
    assert records.role[:2] == ["train", "validation"]
