"""Reasons fit into a line and say what kind of error it was, where xmr did not raise it."""

import pytest

from xmr.cli.remedies import as_options
from xmr.errors import EXAMPLES, MAX_PROBLEMS, DataError, Problem, printable, reason


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


def test_one_mistake_is_five_examples_and_a_number():
    error = DataError([Problem(f"x.csv:{line}", "nothing", "a number") for line in range(1, 1001)], "correct them")
    lines = str(error).splitlines()
    assert lines[:2] == [f"x.csv:{line}: found nothing; expected a number" for line in (1, 2)]
    assert lines[EXAMPLES:] == ["and 995 more of the same kind", "correct them"]
    assert len(error.problems) == 1000
    assert len(str(DataError([Problem("x", "nothing", "a number")] * 6)).splitlines()) == 6


def test_a_message_has_at_most_twelve_lines():
    error = DataError([Problem("x.csv", "nothing", f"the number {line % 300}") for line in range(1000)], "correct them")
    lines = str(error).splitlines()
    assert len(lines) == MAX_PROBLEMS + 2
    assert lines[-2:] == ["and 990 more problems", "correct them"]


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("skip them: data.on_error=skip", "skip them: --on-error skip"),
        ("a number (or data.ignore_columns: [x y])", "a number (or --ignore-column x y)"),
        ("or its name in data.input", "or its name in --input"),
        ("data.target: found one class", "data.target: found one class"),
        ("data.split.by", "data.split.by"),
    ],
)
def test_the_remedy_fits_the_command(message, said):
    assert as_options(message, {"--on-error", "--input", "--ignore-column"}) == said
    assert as_options(message, set()) == message


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
