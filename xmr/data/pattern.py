"""Labels, groups and parts read off file names: `{label}_{group}_{take}` for 7_jackson_32.wav."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from xmr.data.fasta import role_of
from xmr.data.records import Records
from xmr.errors import Problem, RecipeError

USED = ("label", "group", "set")
_FIELD = re.compile(r"\{([a-z_]*)\}")


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of {fields} as a regular expression; every other character stands for itself. Raises RecipeError."""
    names = _FIELD.findall(pattern)
    twice = next((name for name in names if name and names.count(name) > 1), None)
    if not set(names) & set(USED) or twice:
        found = f"{pattern!r}" + (f", {{{twice}}} twice" if twice else "")
        raise RecipeError(
            Problem("data.pattern", found, "{label}, {group} or {set}, each once, e.g. {label}_{group}_{take}")
        )
    pieces = _FIELD.split(pattern)
    text = "".join(
        re.escape(piece) if number % 2 == 0 else f"(?P<{piece}>[^/]+?)" if piece else "[^/]+?"
        for number, piece in enumerate(pieces)
    )
    return re.compile(text + r"\Z")


def apply_pattern(records: Records, pattern: str) -> dict[int, str]:
    """Fill labels, groups and parts from the names in `inputs` -> index: what is wrong with a name.

    A pattern with a slash is held against the whole path below the folder, one without against the name; neither
    includes the suffix.
    """
    rule = compiled(pattern)
    wrong: dict[int, str] = {}
    rows: list[dict[str, str]] = []
    for index, name in enumerate(records.inputs):
        path = PurePosixPath(name)
        found = rule.match(str(path.with_suffix("")) if "/" in pattern else path.stem)
        if found is None:
            wrong[index] = f"found the name {name!r}; expected one like {pattern} (data.pattern)"
        rows.append(found.groupdict() if found else {})
    names = set(rule.groupindex)
    if "label" in names:
        records.labels = {"label": [row.get("label", "") for row in rows]}
    if "group" in names:
        records.group = [row.get("group", "") for row in rows]
    if "set" in names:
        records.role = [role_of(row.get("set", ""), "") for row in rows]
    return wrong
