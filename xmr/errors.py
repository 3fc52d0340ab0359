"""Errors with one line per problem: the place, what was found, what was expected, the nearest valid name."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import ModuleType

MAX_PROBLEMS = 10  # lines per message; the other problems are counted
EXAMPLES = 5  # of problems of one kind, which have what is expected in common
_HIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_LONGEST = 300  # characters of the place and of the value found
_EXPECTED = 2000  # it includes the names to choose from


def printable(text: str) -> str:
    """The text on one line: control characters, line breaks and lone surrogates as their escapes (\\x1b, \\n, \\udce9).

    A name from a file can then neither control a terminal nor start its own line.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def visible(text: str) -> str:
    """A page of text with control and direction characters as their escapes; line breaks and tabs stay."""
    return _HIDDEN.sub(lambda found: printable(found[0]), text)


def shortened(text: str, most: int = _LONGEST) -> str:
    """The text, or its first characters and the total number."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text):,} characters)"


class XmrError(Exception):
    """Base of every error xmr raises on purpose. `exit_status` is the exit status of the command line."""

    exit_status = 1


class XmrWarning(UserWarning):
    """Something the user should know that does not stop the work; the command line prints it as a note."""


@dataclass(frozen=True)
class Problem:
    """One problem: the place (file:line or recipe field), what was found, what was expected, a suggestion."""

    place: str
    found: str
    expected: str
    suggestion: str | None = None

    def __str__(self) -> str:
        hint = f"; did you mean {self.suggestion}?" if self.suggestion else ""
        place, found, expected = shortened(self.place), shortened(self.found), shortened(self.expected, _EXPECTED)
        return printable(f"{place}: found {found}; expected {expected}{hint}")


class InputError(XmrError, ValueError):
    """The user's input is wrong; holds all `Problem`s found.

    The message lists at most five of a kind and ten in all, how many more there are, and the `remedy`.
    """

    exit_status = 2

    def __init__(self, problems: Problem | str | Iterable[Problem], remedy: str = "") -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            super().__init__(problems)
            return
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join([*_listed(self.problems), *([remedy] if remedy else [])]))


def _listed(problems: Sequence[Problem]) -> list[str]:
    """Lines of a message: examples of each kind of problem, and the number of those that are not shown."""
    kinds: dict[str, list[Problem]] = {}
    for problem in problems:
        kinds.setdefault(problem.expected, []).append(problem)
    lines: list[tuple[str, int]] = []  # and how many problems each stands for
    for kind in kinds.values():
        shown = kind if len(kind) <= EXAMPLES + 1 else kind[:EXAMPLES]
        lines += [(str(problem), 1) for problem in shown]
        if more := len(kind) - len(shown):
            lines.append((f"and {more:,} more of the same kind", more))
    rest = sum(count for _, count in lines[MAX_PROBLEMS:])
    return [text for text, _ in lines[:MAX_PROBLEMS]] + ([f"and {rest:,} more problems"] if rest else [])


class RecipeError(InputError):
    """A recipe or an override of it is wrong."""


class SourceUnavailableError(RecipeError):
    """The source of a recipe is not available on this machine (no hub, no folder)."""


class QuestionBudgetError(XmrError):
    """A source that only answers may not be asked any more (`source.queries`)."""


class DataError(InputError):
    """A data file or a record in it is wrong."""


class DataUnavailableError(DataError):
    """The public data set a recipe names is not on this machine."""


class ProgramError(InputError):
    """A saved program cannot be loaded as it is."""


class OutputError(InputError):
    """An output cannot be written, or would replace a file that xmr did not write."""


class MissingExtraError(XmrError, ImportError):
    """A feature needs a package that is not installed; the message has the pip command that installs it."""

    exit_status = 2


def reason(error: Exception) -> str:
    """Why something failed, in one line; with the type of an error that xmr did not raise."""
    first = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, XmrError) and first:
        return first
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice most similar to `name`, or None if none is close."""
    if len(name) > 200:  # not a typing error, and slow to compare
        return None
    by_folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.5)
    return by_folded[close[0]] if close else None


def one_of(place: str, name: object, choices: Iterable[str]) -> Problem:
    """The problem "an unknown name", with the list of valid ones and the nearest."""
    known = sorted(choices)
    listed = ", ".join(known) if known else "nothing (none is registered)"
    return Problem(place, repr(name), f"one of {listed}", nearest(str(name), known))


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional package, or raise MissingExtraError with the pip command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.split(".")[0]
        if error.name is not None and error.name.split(".")[0] != package:
            raise  # the package is installed but broken: its own message is better
        raise MissingExtraError(
            f"{purpose} needs the package {package}, which is not installed: pip install 'xmr[{extra}]'"
        ) from error
