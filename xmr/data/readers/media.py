"""The file behind a record that names one: below its folder, a regular file, not empty."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

from xmr.core.files import leads_out
from xmr.data.records import Records

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


class Media:
    """The files of a folder, or of the folder in which a list of them lies. The folder itself may be a link.

    file: where the records come from, as `Records.file`. expected: what each file should be, for messages.
    """

    def __init__(self, file: str, expected: str) -> None:
        home = Path(file)
        self.root = home if home.is_dir() else home.parent
        self.expected = expected
        self._real = os.path.join(os.path.realpath(self.root), "")

    def path(self, name: str) -> Path:
        """Where a file lies. Raises ValueError ("found ...; expected ...") for one that cannot be read by rule.

        Links to files are followed within the folder and not out of it; pipes and devices, which may never end, are
        refused.
        """
        if leads_out(name):
            raise ValueError("found a path that leads out of its folder; expected one below it")
        path = self.root / name
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a name that holds a zero byte
            link = path.is_symlink() if "\0" not in name else False
            what = "a link to nothing" if link else "no such file"
            raise ValueError(f"found {what}; expected {self.expected}") from None
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"found a file that cannot be read ({reason}); expected {self.expected}") from None
        if not os.path.realpath(path).startswith(self._real):
            raise ValueError("found a link that leads out of its folder; expected a file below it, or a copy (cp -rL)")
        if not stat.S_ISREG(found.st_mode):
            kind = _KINDS.get(stat.S_IFMT(found.st_mode), "a device")
            raise ValueError(f"found {kind}; expected {self.expected}")
        if found.st_size == 0:
            raise ValueError(f"found a file of zero bytes; expected {self.expected}")
        return path

    def digest(self, name: str) -> str:
        """A digest of a file's bytes. Raises ValueError as `path` does."""
        try:
            with self.path(name).open("rb") as handle:
                return hashlib.file_digest(handle, "sha256").hexdigest()[:24]
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise ValueError(f"found a file that cannot be read ({reason}); expected {self.expected}") from None


def files_at(paths: Any) -> Records | None:
    """Files by their paths as records, ids relative to the folder they share; None for anything but paths."""
    paths = [*paths]
    if not paths or not all(isinstance(path, str | os.PathLike) for path in paths):
        return None
    whole = [os.path.abspath(path) for path in paths]
    home = os.path.commonpath([os.path.dirname(path) for path in whole])
    names = [Path(os.path.relpath(path, home)).as_posix() for path in whole]
    return replace(Records.of(names, file=home), ids=names)


def files_of(items: list[Any], folder: Path) -> Records:
    """Files of a request, {"b64": ...} each, as records of files in `folder`. Raises ValueError for other items."""
    for number, item in enumerate(items):
        try:
            content = base64.b64decode(item["b64"], validate=True)
        except (KeyError, TypeError, binascii.Error, ValueError):
            raise ValueError(f'item {number}: found no file in base64; expected {{"b64": "..."}}') from None
        (folder / str(number)).write_bytes(content)
    records = Records.of([str(number) for number in range(len(items))])
    records.file = str(folder)
    return records
