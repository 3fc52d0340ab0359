"""What became of a case, and what a refusal must look like."""

from __future__ import annotations

import re
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xmr.errors import InputError, XmrError

MAX_LINES = 12
LONGEST_LINE = 4000  # characters
READ, REFUSED, FAILURE = "read", "refused", "failure"
ROOT = Path(__file__).resolve().parents[2]
_FIELD = re.compile(r"^(override .*|task|seed|ensemble|(data|encoder|source|transform|output|training)(\.\w+)+)\b")


class SilentError(Exception):
    """What was read is not what it should be, and nobody was told."""


class TimeUpError(BaseException):
    """A case took too long; not an Exception, so that no reader takes it for one of its own."""


@dataclass(frozen=True)
class Outcome:
    """One case. cause: of a failure, in a word or two; line: where in xmr it was raised; note: how it was damaged."""

    case: int
    kind: str
    cause: str = ""
    line: str = ""
    message: str = ""
    seconds: float = 0.0
    note: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def place_of(error: BaseException) -> str:
    """`xmr/file.py:line` of the innermost of xmr's own frames."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(ROOT / "xmr")]
    others = [frame for frame in frames if Path(frame.filename).name != "workers.py"]
    if not frames:
        return "?"
    last = (own or others or frames)[-1]
    path = Path(last.filename)
    return f"{path.relative_to(ROOT) if path.is_relative_to(ROOT) else path.name}:{last.lineno}"


def chain(error: BaseException) -> list[BaseException]:
    """An error and what it came of."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and one not in found:
        found.append(one)
        one = one.__cause__ or one.__context__
    return found


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out, also where that was taken for something else."""
    return any(
        isinstance(one, MemoryError) or (isinstance(one, RuntimeError | OSError) and "llocate memory" in str(one))
        for one in chain(error)
    )


def bad_message(error: XmrError, names: tuple[str, ...]) -> str:
    """What is wrong with a refusal's words; nothing where they are right.

    names: of the files and fields one of which must stand in it. A problem of a recipe's field names the field instead.
    """
    text = str(error)
    lines = text.split("\n")
    if not text.strip():
        return "an empty message"
    if len(lines) > MAX_LINES:
        return "a message of too many lines"
    if any(len(line) > LONGEST_LINE for line in lines):
        return "a line too long"
    if not all(line.isprintable() for line in lines):
        return "control characters in the message"
    if error.exit_status != 2:
        return f"exit status {error.exit_status}"
    if isinstance(error, InputError) and not error.problems and ": found " not in text:
        return "a message without a place"
    if any(name in text for name in names) or _FIELD.match(text):
        return ""
    return "a message without the file's name"


def judge(case: int, error: BaseException, names: tuple[str, ...], seconds: float, note: str) -> Outcome:
    """The outcome of a case that raised."""
    text = f"{type(error).__name__}: {error}"[:1500]

    def made(kind: str, cause: str = "") -> Outcome:
        return Outcome(case, kind, cause, place_of(error), text, seconds, note)

    if isinstance(error, TimeUpError):
        return made(FAILURE, "hang")
    if out_of_memory(error):
        return made(FAILURE, "memory")
    if isinstance(error, SilentError):
        return made(FAILURE, f"silent: {error.args[0]}")
    if isinstance(error, XmrError):
        cause = bad_message(error, names)
        return made(FAILURE if cause else REFUSED, cause)
    return made(FAILURE, type(error).__name__)
