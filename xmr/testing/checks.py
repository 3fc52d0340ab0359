"""Named checks of a component: every one is run, and all failures are reported together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from xmr.core.component import KINDS, check_section, help_of, section_model
from xmr.core.kinds import Batch
from xmr.errors import RecipeError, one_of, reason


@dataclass(frozen=True)
class Outcome:
    """What one check found. problem: why it failed, or None; expected: whether it was expected to fail."""

    subject: str
    check: str
    problem: str | None
    expected: bool = False

    @property
    def failed(self) -> bool:
        """Whether it failed unexpectedly."""
        return self.problem is not None and not self.expected

    def __str__(self) -> str:
        if self.problem is None:
            return f"{self.subject}: ok      {self.check}" + (", although expected to fail" if self.expected else "")
        return f"{self.subject}: {'xfail ' if self.expected else 'FAILED'}  {self.check}: {self.problem}"


class Checks:
    """The checks of one component: its methods `check_...`, in the order in which they are written.

    A check raises AssertionError with one sentence; any other exception counts as a failure too. What several checks
    need is a cached property, so that each can be run alone.
    """

    subject: str

    def __iter__(self) -> Iterator[tuple[str, Callable[[], None]]]:
        """Name and check, e.g. `padding_does_not_matter`."""
        names = [name for kind in reversed(type(self).__mro__) for name in vars(kind) if name.startswith("check_")]
        for name in dict.fromkeys(names):
            yield name.removeprefix("check_"), getattr(self, name)


def run_checks(checks: Checks, expected: Collection[str] = ()) -> list[Outcome]:
    """Run every check. expected: names of those that may fail; raises RecipeError for a name that is no check."""
    known = dict(checks)
    problems = [one_of("expected failure", name, known) for name in expected if name not in known]
    if problems:
        raise RecipeError(problems)
    return [Outcome(checks.subject, name, _problem(check), name in expected) for name, check in known.items()]


def assert_all(checks: Checks) -> None:
    """Run every check; raises AssertionError that lists all failures, one per line."""
    failures = [str(outcome) for outcome in run_checks(checks) if outcome.failed]
    assert not failures, "\n".join(failures)


def _problem(check: Callable[[], None]) -> str | None:
    try:
        check()
    except AssertionError as error:
        return str(error) or "an assertion without a message failed"
    except Exception as error:
        return f"raised {reason(error)}"
    return None


class ComponentChecks(Checks):
    """What all components of a recipe must do. section: as in a recipe, or just the name."""

    def __init__(self, kind: str, section: dict[str, Any] | str) -> None:
        self.kind = kind
        self.section = check_section(kind, section, "conformance")
        self.component: Any = KINDS[kind].get(self.section["name"])
        self.entry = KINDS[kind].entry(self.section["name"])
        self.subject = f"{kind} {self.section['name']}"

    def check_every_argument_is_documented(self) -> None:
        """Help texts and the recipe reference are made from the docstring."""
        words = help_of(self.component)
        missing = [name for name in section_model(self.component).model_fields if name not in words]
        assert not missing, f"arguments without a line in the docstring's Args: {', '.join(missing)}"

    def check_the_registry_and_the_class_agree(self) -> None:
        """The facts in the registry must be those of the class."""
        for key, value in self.entry.facts.items():
            stated = getattr(self.component, key, None)
            assert stated == value, f"{key} is {value!r} in the registry and {stated!r} in the class"


def rows_of(batch: Batch, record: int) -> list[int]:
    """The rows of a batch that are windows of its record, or the one row that is the record."""
    if batch.windows is None:
        return [record]
    return [row for row, owner in enumerate(batch.windows.owner.tolist()) if owner == record]
