"""What words say of the part of a data set that a record belongs to: in columns, headers, and names of files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from xmr.data.readers.numbers import MISSING

PARTS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
PARTS |= {"validation": "validation", "valid": "validation", "val": "validation"}
_NOT_CHOSEN = MISSING | {"false", "0", "no"}
_WORD = re.compile(rf"(?:^|(?<=[/_. -]))({'|'.join(PARTS)})(?:[_. -]|(?=/)|$)", re.IGNORECASE)


def role_of(set_field: str, validation_field: str) -> str:
    """`SET=train VALIDATION=True` -> "validation"; unknown words are returned for `read_all` to refuse."""
    role = PARTS.get(set_field.casefold(), set_field.casefold())
    chosen = validation_field.casefold()
    if role != "train" or chosen in _NOT_CHOSEN:
        return role
    return "validation" if chosen in ("true", "1", "yes") else f"VALIDATION={validation_field}"


def parts_and_classes(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The part and the class that each of several files states by its name, both empty where the names say nothing.

    names: paths below a common folder. A word such as `train` or `test` between `/`, `_`, `-`, `.` or blanks says the
    part, if there are files of both. What is left is the class where the files differ in it: the first folder, or the
    name without suffix. train/amp.fasta, amp_train.fa: part train, class amp.
    """
    bare = [str(path.with_suffix("") if path.suffix != ".gz" else path.with_suffix("").with_suffix(""))
            for path in map(PurePosixPath, names)]  # fmt: skip
    found = [_WORD.search(name) for name in bare]
    roles = [PARTS[word[1].casefold()] if word else "" for word in found]
    parted = {"train", "test"} <= {*roles}
    left = [_WORD.sub("", name, 1) for name in bare] if parted else bare
    classes = [name.strip("/_-. ").partition("/")[0] for name in left]
    return roles if parted else [], classes if len({*classes}) > 1 else []
