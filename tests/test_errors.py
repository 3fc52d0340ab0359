"""Reasons fit into a line and say what kind of error it was, where xmr did not raise it."""

import pytest

from xmr.errors import DataError, Problem, reason


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
