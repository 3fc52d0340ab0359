"""Labels, groups and parts read off names: `{label}_{group}_{take}` for 7_jackson_32.wav, or FASTA headers."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from xmr.data.readers.parts import role_of
from xmr.data.records import Records
from xmr.errors import Problem, RecipeError

USED = ("label", "group", "set")
_FIELD = re.compile(r"\{([a-z_]*)\}")


@dataclass(frozen=True)
class Pattern:
    """Texts with fields between them, one list per part of the path: texts[i] stands before fields[i].

    paths: names have parts with slashes between them. A field holds at least one character, and no slash of a path.
    Each takes as few as it can, the last of a part takes the rest.
    """

    texts: tuple[tuple[str, ...], ...]
    fields: tuple[tuple[str, ...], ...]
    paths: bool = True

    @property
    def names(self) -> set[str]:
        """The fields that have a name."""
        return {name for part in self.fields for name in part if name}

    def match(self, path: str) -> dict[str, str] | None:
        """What each named field holds, or None. Takes time linear in the path: no choice is ever taken back."""
        parts = path.split("/") if self.paths else [path]
        if len(parts) != len(self.texts):
            return None
        found: dict[str, str] = {}
        for part, texts, fields in zip(parts, self.texts, self.fields):
            held = _fields(part, texts)
            if held is None:
                return None
            found.update((name, value) for name, value in zip(fields, held) if name)
        return found


def _fields(part: str, texts: tuple[str, ...]) -> list[str] | None:
    """What stands between the texts. The first place of each text leaves the most to those behind it."""
    if len(texts) == 1:
        return [] if part == texts[0] else None
    first, *between, last = texts
    if not part.startswith(first) or not part.endswith(last):
        return None
    begin, end = len(first), len(part) - len(last)
    held = []
    for text in between:
        place = part.find(text, begin + 1, end)
        if place < 0:
            return None
        held.append(part[begin:place])
        begin = place + len(text)
    return [*held, part[begin:end]] if begin < end else None


def compiled(pattern: str, paths: bool = True) -> Pattern:
    """A pattern of {fields}; every other character stands for itself. paths: for names with slashes between parts.

    Raises RecipeError without a field that is used, with one twice, or with two fields side by side: nothing would say
    where the first one ends.
    """
    names = [name for name in _FIELD.findall(pattern) if name]
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if not set(names) & set(USED) or twice:
        found = f"{pattern!r}" + (f", {{{twice}}} twice" if twice else "")
        raise RecipeError(
            Problem("data.pattern", found, "{label}, {group} or {set}, each once, e.g. {label}_{group}_{take}")
        )
    texts, fields = [], []
    for part in pattern.split("/") if paths else [pattern]:
        pieces = _FIELD.split(part)
        texts.append(tuple(pieces[::2]))
        fields.append(tuple(pieces[1::2]))
        beside = next((a for (a, b), text in zip(pairwise(fields[-1]), pieces[2:-1:2]) if not text), None)
        if beside is not None:
            found = f"two fields side by side in {pattern!r} ({{{beside}}} and the next)"
            expected = "some character between them, e.g. {label}_{take}, or one field for both"
            raise RecipeError(Problem("data.pattern", found, expected))
    return Pattern(tuple(texts), tuple(fields), paths)


def apply_pattern(records: Records, pattern: str) -> dict[int, str]:
    """Fill labels, groups and parts from the name of each record -> index: what is wrong with a name.

    The name is the FASTA header of the record, or else its file. A pattern with a slash is held against the whole path
    below the folder, one without against the name; neither includes the suffix.
    """
    headers = bool(records.title)
    rule = compiled(pattern, paths=not headers)
    wrong: dict[int, str] = {}
    rows: list[dict[str, str]] = []
    for index, name in enumerate(records.title or records.origin or records.inputs):
        path = PurePosixPath(name)
        found = rule.match(name if headers else str(path.parent / path.stem) if "/" in pattern else path.stem)
        if found is None:
            what = "header" if headers else "name"
            wrong[index] = f"found the {what} {name!r}; expected one like {pattern} (data.pattern)"
        rows.append(found or {})
    names = rule.names
    if "label" in names:
        records.labels = {"label": [row.get("label", "") for row in rows]}
    if "group" in names:
        records.group = [row.get("group", "") for row in rows]
    if "set" in names:
        records.role = [role_of(row.get("set", ""), "") for row in rows]
        for index, role in enumerate(records.role):
            if index not in wrong and role not in ("train", "validation", "test"):
                wrong[index] = f"found the set {role!r} in the name; expected train, validation or test (data.pattern)"
    return wrong
