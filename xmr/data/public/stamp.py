"""The stamp of a prepared data set: the last file written into its folder, which says that the folder is complete.

A folder without one is a preparation that was interrupted, or one that a user filled by hand.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from xmr.core.files import write_json

STAMP = ".xmr-set.json"  # hidden: no reader takes it for a record
CONVERTERS_VERSION = 1  # to be raised when the converters make other files from the same archives


def write_stamp(folder: Path, name: str, main: str, archives: dict[str, dict[str, Any]]) -> None:
    """Stamp the folder of the set `name`. main: its index, "" for the folder itself; archives: checksums by name."""
    stamp = {
        "set": name,
        "converters_version": CONVERTERS_VERSION,
        "archives": archives,
        "main": main,
        "main_bytes": measure(folder / main)[1],
        "files": measure(folder)[0],
        "bytes": measure(folder)[1],
    }
    write_json(folder / STAMP, stamp)


def stamp_fault(folder: Path, name: str, thorough: bool) -> str | None:
    """Why `folder` is not the whole set `name`, or None where it is.

    Compared are the set's name, the converters' version and the size of the index; where the set is the folder itself,
    or with `thorough`, the number and size of all files. Nothing is hashed.
    """
    try:
        stamp = json.loads((folder / STAMP).read_text(encoding="utf-8"))
        found = (stamp["set"], stamp["converters_version"], stamp["main"], stamp["main_bytes"])
        whole = (stamp["files"], stamp["bytes"])
    except (FileNotFoundError, NotADirectoryError):
        return f"no stamp ({STAMP}): a preparation that was interrupted, or a folder filled by hand"
    except (ValueError, RecursionError, KeyError, TypeError, IsADirectoryError):
        return f"a damaged stamp ({STAMP})"
    if found[0] != name:
        return f"the files of {found[0]!r}"
    if found[1] != CONVERTERS_VERSION:
        return f"files of the converters' version {found[1]!r}, not {CONVERTERS_VERSION}"
    main = folder / str(found[2])
    if found[2] and (not main.is_file() or main.stat().st_size != found[3]):
        return f"another {found[2]} than was prepared"
    if (thorough or not found[2]) and (here := measure(folder)) != whole:
        return f"{here[0]:,} files of {here[1]:,} bytes in all, not the {whole[0]!r} files of {whole[1]!r} prepared"
    return None


def measure(path: Path) -> tuple[int, int]:
    """How many files lie at or below `path`, and their bytes; hidden ones are not counted."""
    if path.is_file():
        return 1, path.stat().st_size
    files = size = 0
    with os.scandir(path) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            more = measure(Path(entry.path)) if entry.is_dir() else (1, entry.stat().st_size)
            files, size = files + more[0], size + more[1]
    return files, size
