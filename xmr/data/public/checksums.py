"""Checksums of official files: those that are published, and those xmr keeps from the first download on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from xmr.core.files import write_json
from xmr.errors import DataError, Problem

_KINDS = {32: "md5", 40: "sha1", 64: "sha256"}  # by the number of hexadecimal digits
_BLOCK = 1 << 20


def sha256(path: Path) -> str:
    """Checksum of a file, read in blocks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def checksums(path: Path, published: str) -> dict[str, str]:
    """The sha256 of a file, and every other kind in which checksums are published for it, read once."""
    hashes = {kind: hashlib.new(kind) for kind in {"sha256", *(_KINDS[len(each)] for each in published.split())}}
    with path.open("rb") as handle:
        while block := handle.read(_BLOCK):
            for each in hashes.values():
                each.update(block)
    return {kind: each.hexdigest() for kind, each in hashes.items()}


def mismatch(found: dict[str, str], published: str) -> tuple[str, str] | None:
    """What kind and value was found and the published one where they differ; None where all are the same."""
    for each in published.split():
        kind = _KINDS[len(each)]
        if found[kind] != each:
            return f"{kind} {found[kind]}", each
    return None


class Record:
    """What xmr remembers of a set's files in `root`/checksums/NAME.json, so that a later download must be the same.

    fetched: name of an official file -> {"sha256", "bytes", "address"}; prepared: path below root -> sha256.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.path = root / "checksums" / f"{name}.json"
        self.fetched: dict[str, dict[str, Any]] = {}
        self.prepared: dict[str, str] = {}
        try:
            held = json.loads(self.path.read_text(encoding="utf-8"))
            self.fetched = {name: dict(entry, sha256=entry["sha256"]) for name, entry in held["fetched"].items()}
            self.prepared = {str(relative): str(digest) for relative, digest in held["prepared"].items()}
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError, IsADirectoryError) as error:
            found = "no record of checksums, or a damaged one"
            raise DataError(
                Problem(str(self.path), found, "one that xmr wrote: delete it to begin a new one")
            ) from error

    def write(self) -> None:
        """Write the record in one step."""
        write_json(self.path, {"fetched": self.fetched, "prepared": self.prepared})
