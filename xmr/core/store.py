"""Files next to each other: in a folder, or below an address of fsspec (`s3://bucket/folder`)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xmr.core.files import replacing
from xmr.errors import InputError, OutputError, Problem, XmrError, reason


def local_path(address: str) -> Path | None:
    """The path that is meant, or None for an address of another machine."""
    return Path(address.removeprefix("file://")) if address.startswith("file://") or "://" not in address else None


@dataclass(frozen=True)
class Store:
    """Files below an address. Each is written as a whole or not at all.

    What an address answers other than that a file is missing raises OutputError.
    """

    address: str

    @property
    def folder(self) -> Path | None:
        """The folder, where it is one of this machine."""
        return local_path(self.address)

    def place(self, name: str) -> Path | str:
        """The path or address of a file."""
        return f"{self.address}/{name}" if self.folder is None else self.folder / name

    def read(self, name: str) -> bytes | None:
        """The content of a file, or None where there is none."""
        with _asked(self.address, OutputError, _WRITABLE) as (system, root):
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
        with _asked(self.address, OutputError, _WRITABLE) as (system, root):
            system.pipe_file(f"{root}/{name}", content)

    def names(self) -> list[str]:
        """The names of the files that are there, sorted."""
        with _asked(self.address, OutputError, _WRITABLE) as (system, root):
            try:
                return sorted(path.rstrip("/").rpartition("/")[2] for path in system.ls(root, detail=False))
            except FileNotFoundError:
                return []

    def remove(self, name: str) -> None:
        """Delete a file."""
        with _asked(self.address, OutputError, _WRITABLE) as (system, root):
            system.rm_file(f"{root}/{name}")


def fetched(address: str, cache: Path) -> Path:
    """A file of an address as one of this machine, kept in `cache` until it changes there. Raises InputError."""
    with _asked(address, InputError, "a file that this user may read") as (system, place):
        version = str(system.ukey(place))
        target = cache / hashlib.sha256(f"{address} {version}".encode()).hexdigest()[:16] / os.path.basename(place)
        if not target.exists():
            with replacing(target) as temporary:
                system.get_file(place, str(temporary))
    return target


_WRITABLE = "a folder or bucket that this user may read and write"


@contextmanager
def _asked(address: str, kind: type[InputError], expected: str) -> Iterator[tuple[Any, str]]:
    """What fsspec reads the address with, and the path there; what it raises then is one message of this kind."""
    system, place = _opened(address)
    try:
        yield system, place
    except XmrError:
        raise
    except Exception as error:  # each driver has errors of its own for missing rights, keys and connections
        if local_path(address) is not None:
            raise
        raise kind(Problem(address, f"an address that cannot be used ({reason(error)})", expected)) from error


def _opened(address: str) -> tuple[Any, str]:
    """What fsspec reads the address with, and the path there. Raises InputError for an unknown or missing driver."""
    from fsspec.core import url_to_fs

    local = local_path(address)
    try:
        # Other processes write there too, so that no list of files is kept.
        system, root = url_to_fs(str(local.absolute()) if local is not None else address, use_listings_cache=False)
    except (ImportError, ValueError) as error:
        found = f"an address that fsspec cannot open here ({error})"
        raise InputError(Problem(address, found, "a path, or an address whose driver is installed")) from error
    return system, root.rstrip("/")
