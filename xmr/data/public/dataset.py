"""One public data set: what it holds, under which licence, where it comes from, and how it becomes what xmr reads."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from xmr.data.public.checksums import sha256
from xmr.data.records import Records
from xmr.errors import DataError, MissingExtraError, Problem

Files = dict[str, Path]  # name of an official file -> where it lies
Convert = Callable[[Files, Path], None]  # official files, folder of the set -> files that xmr reads, in that folder


@dataclass(frozen=True)
class Dataset:
    """One public data set. It is of one of four sorts:

    - `package`: it comes inside that pip package, which an `extra` of xmr installs. `read` makes its records; `files`
      names the package's own files in its folder `inside`.
    - `archives`: address -> checksums as published. All are unpacked by `convert` into the set's own folder.
    - `convert` without addresses: the set is generated, always the same, into its own folder.
    - `official`: address -> the file (or the member of a zip archive) that it brings, one for each of `files`.

    A set with none of them has no official address: the user brings it.

    task: e.g. "regression". size: of the download. main: what a recipe reads, a path below XMR_DATA or the cache.
    files: path -> sha256 of the prepared file. Every checksum is one that was published or measured; an empty text says
    that none is known, and the one of the first download is kept. columns: what `data.input`, `data.target` ... are, so
    that a recipe need not say it. rewrite: puts an official file into the form of the prepared one.
    """

    name: str
    domain: str
    summary: str
    task: str
    licence: str
    cite: str
    main: str = ""
    size: str = "not known"
    columns: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    official: Mapping[str, str] = field(default_factory=dict)
    rewrite: Callable[[bytes], bytes] | None = None
    archives: Mapping[str, str] = field(default_factory=dict)
    convert: Convert | None = None
    package: str | None = None
    extra: str = ""
    inside: str = "data"
    read: Callable[[Dataset], Records] | None = None

    @property
    def folder(self) -> str:
        """The folder below a root that an unpacked set has for itself."""
        main = PurePosixPath(self.main)
        return str(main.parent if main.suffix else main)

    @property
    def prepared(self) -> list[str]:
        """What the set consists of below a root: its files, or the index or folder of one that is unpacked."""
        return list(self.files) or [self.main]

    @property
    def generated(self) -> bool:
        """Whether `convert` makes it from nothing that is downloaded."""
        return self.convert is not None and not self.addresses

    @property
    def addresses(self) -> list[str]:
        """Where its official files are."""
        return [*self.archives, *self.official]

    def records(self) -> Records:
        """The records of a set that comes inside a package. Raises MissingExtraError without that package."""
        assert self.read is not None
        return self.read(self)


def file_name(address: str) -> str:
    """What the official file at an address is called here."""
    return re.split(r"[/#]", address)[-1]


def package_file(chosen: Dataset, file: str | None = None) -> Path:
    """A file of a data set that comes inside a pip package, by default its main one; the package is not imported.

    Raises MissingExtraError without the package, DataError where its file is another one.
    """
    spec = importlib.util.find_spec(chosen.package or "")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            f"the data set {chosen.name} needs the package {chosen.package}: pip install 'xmr[{chosen.extra}]'"
        )
    file = file or chosen.main
    path = Path(next(iter(spec.submodule_search_locations)), chosen.inside, file)
    digest = chosen.files[file]
    if not path.is_file() or sha256(path) != digest:
        found = "no such file" if not path.is_file() else f"sha256 {sha256(path)}"
        expected = f"the file of {chosen.package} with sha256 {digest}: reinstall the package"
        raise DataError(Problem(str(path), found, expected))
    return path
