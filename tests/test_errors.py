"""Reasons fit into a line and say what kind of error it was, where xmr did not raise it."""

import pytest

from xmr.errors import MAX_PROBLEMS, DataError, Problem, printable, reason


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError(Problem("x.csv:3", "nothing", "a number")), "x.csv:3: found nothing; expected a number"),
        (RuntimeError("not enough memory\nsee the manual"), "RuntimeError: not enough memory"),
        (MemoryError(), "MemoryError"),
        (ValueError("  \n"), "ValueError"),
    ],
)
def test_a_reason_is_one_line(error, said):
    assert reason(error) == said


def test_a_message_lists_ten_problems_and_counts_the_rest():
    error = DataError([Problem(f"x.csv:{line}", "nothing", "a number") for line in range(1, 1001)])
    lines = str(error).splitlines()
    assert len(lines) == MAX_PROBLEMS + 1
    assert lines[-1] == "and 990 more problems"
    assert len(error.problems) == 1000


def test_control_characters_and_line_breaks_are_escaped():
    text = str(Problem("a\x1b]0;x\x07.csv:1", "columns a\nxmr: all is fine", "a \u202e label", "\udce9"))
    assert text.isprintable()
    assert r"\x1b]0;x\x07" in text
    assert r"a\nxmr" in text
    assert r"\udce9" in text


def test_what_was_found_is_cut_when_it_is_long():
    assert len(str(Problem("x.csv:1", "A" * 100_000, "a number"))) < 400
    assert "100,000 characters" in str(Problem("x.csv:1", "A" * 100_000, "a number"))


def test_printable_leaves_ordinary_text_alone():
    assert printable("Größe µ 日本語") == "Größe µ 日本語"
