"""Messages that name a field of a recipe, for a command that takes the same as an option."""

from __future__ import annotations

import re
from collections.abc import Collection

FLAGS = {
    "on_error": "--on-error",
    "target": "--target",
    "input": "--input",
    "id": "--id",
    "time": "--time",
    "group_column": "--group",
    "pattern": "--pattern",
    "wild_type": "--wild-type",
    "offset": "--offset",
    "time_step": "--time-step",
    "ignore_columns": "--ignore-column",
}
_FIELD = re.compile(rf"\bdata\.({'|'.join(FLAGS)})\b(?:=(\w+)|: \[([^\]]*)\]|: (skip|[0-9.e+-]+)(?=[ ,)]|$))?")


def as_options(message: str, known: Collection[str]) -> str:
    """The message with `data.on_error=skip` as `--on-error skip`. known: the options of the command."""

    def option(found: re.Match[str]) -> str:
        """The option of a field that was found, where the command has it."""
        flag, value = FLAGS[found[1]], found[2] or found[3] or found[4]
        return found[0] if flag not in known else f"{flag} {value}" if value else flag

    return _FIELD.sub(option, message)
