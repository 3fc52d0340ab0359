"""Files next to each other: in a folder, or below an address of fsspec (`s3://bucket/folder`)."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xmr.core.files import replacing, writing
from xmr.errors import InputError, Problem


def local_path(address: str) -> Path | None:
    """The path that is meant, or None for an address of another machine."""
    return Path(address.removeprefix("file://")) if address.startswith("file://") or "://" not in address else None


@dataclass(frozen=True)
class Store:
    """Files below an address. Each is written as a whole or not at all."""

    address: str

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one of this machine."""
        return local_path(self.address)

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None where there is none."""
        system, root = _opened(self.address)
        try:
            content: bytes = system.cat_file(f"{root}/{name}")
        except (FileNotFoundError, NotADirectoryError):
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file. Raises OutputError."""
        if self.folder is not None:
            with replacing(self.folder / name) as temporary:
                temporary.write_bytes(content)
            return
        system, root = _opened(self.address)
        with writing(Path(f"{self.address}/{name}")):
            system.pipe_file(f"{root}/{name}", content)

    def names(self) -> list[str]:
        """The names of the files that are there, sorted."""
        system, root = _opened(self.address)
        system.invalidate_cache()
        try:
            return sorted(path.rstrip("/").rpartition("/")[2] for path in system.ls(root, detail=False))
        except FileNotFoundError:
            return []

    def remove(self, name: str) -> None:
        """Delete a file."""
        system, root = _opened(self.address)
        system.rm_file(f"{root}/{name}")


def fetched(address: str, cache: Path) -> Path:
    """A file of an address as one of this machine, kept in `cache` until it changes there. Raises InputError."""
    system, place = _opened(address)
    try:
        version = str(system.ukey(place))
    except (OSError, ValueError) as error:
        found = f"an address that cannot be read ({error})"
        raise InputError(Problem(address, found, "a file that this user may read")) from error
    target = cache / hashlib.sha256(f"{address} {version}".encode()).hexdigest()[:16] / os.path.basename(place)
    if not target.exists():
        with replacing(target) as temporary:
            system.get_file(place, str(temporary))
    return target


def _opened(address: str) -> tuple[Any, str]:
    """What fsspec reads the address with, and the path there. Raises InputError for an unknown or missing driver."""
    from fsspec.core import url_to_fs

    local = local_path(address)
    try:
        system, root = url_to_fs(str(local.absolute()) if local is not None else address)
    except (ImportError, ValueError) as error:
        found = f"an address that fsspec cannot open here ({error})"
        raise InputError(Problem(address, found, "a path, or an address whose driver is installed")) from error
    return system, root.rstrip("/")
