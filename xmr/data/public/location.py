"""Where public data sets are on this machine, and whether what is there is the whole set.

Files are looked for in the folder `XMR_DATA` first, then in xmr's cache, where `xmr data get NAME` puts them. What lies
below `XMR_DATA` is the user's own and is used unchecked (except for a stamp that xmr left there); in the cache a set
that was unpacked counts only with its stamp (`stamp.py`), a single file only with its checksum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from xmr.data.public.archives import read_whole
from xmr.data.public.checksums import Record, checksums, mismatch, sha256
from xmr.data.public.dataset import Dataset, file_name, package_file
from xmr.data.public.stamp import STAMP, stamp_fault
from xmr.errors import DataError, DataUnavailableError, Problem


class IncompleteError(DataUnavailableError):
    """The public data set is on this machine, but only a part of it, or another one in its place."""


def cache_folder() -> Path:
    """Where downloads go: XMR_CACHE, or the user's cache folder. Raises DataError without a home folder."""
    if os.environ.get("XMR_CACHE"):
        return Path(os.environ["XMR_CACHE"])
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"]) / "xmr"
    try:
        return Path.home() / ".cache" / "xmr"
    except RuntimeError as error:
        raise DataError(Problem("XMR_CACHE", "no value, and no home folder", "a folder for downloads")) from error


def locate(chosen: Dataset, relative: str | None = None, folder: Path | None = None, thorough: bool = False) -> Path:
    """A file or folder of a data set (its `main` by default), from XMR_DATA or the cache (or `folder` in its stead).

    thorough: every file of an unpacked set is counted, not only its index. Raises DataUnavailableError that says how to
    get it, and IncompleteError where what lies there is not the whole set.
    """
    relative = relative or chosen.main
    own = folder or cache_folder()
    roots = [Path(os.environ["XMR_DATA"]), own] if os.environ.get("XMR_DATA") else [own]
    faults = []
    for root in roots:
        path = root / relative
        try:
            fault = _fault(chosen, relative, root, root is own, thorough) if path.exists() else ""
        except OSError as error:
            fault = f"what cannot be read ({error.strerror})"
        if fault is None:
            return path
        if fault:
            faults.append(f"{path} with {fault}")
    here = "set XMR_DATA to a folder that holds it"
    remedy = f"run `xmr data get {chosen.name}`, or {here}" if chosen.addresses or chosen.generated else here
    place = f"data.dataset: {chosen.name}"
    if faults:
        raise IncompleteError(Problem(place, " and ".join(faults), f"the whole set: {remedy}"))
    found = f"no {relative} in {' or '.join(map(str, roots))}"
    raise DataUnavailableError(Problem(place, found, f"the data set there: {remedy}"))


def _fault(chosen: Dataset, relative: str, root: Path, own: bool, thorough: bool) -> str | None:
    """Why what lies at root/relative is not what it should be, or None. own: xmr prepared it, the user did not."""
    if relative not in chosen.files:
        folder = root / chosen.folder
        return stamp_fault(folder, chosen.name, thorough) if own or (folder / STAMP).exists() else None
    digest = own and (chosen.files[relative] or Record(root, chosen.name).prepared.get(relative))
    if digest and (found := sha256(root / relative)) != digest:
        return f"sha256 {found}, not {digest}"
    return None


def place_of(chosen: Dataset, folder: Path | None = None) -> str:
    """Where a data set is. Raises DataError or MissingExtraError when it is not on this machine."""
    if chosen.package:
        return str(package_file(chosen)) if chosen.files else f"inside the package {chosen.package}"
    return str(locate(chosen, folder=folder))


def check(chosen: Dataset, folder: Path | None = None) -> Iterator[tuple[str, str]]:
    """Compare everything of a data set that is on this machine -> each file and what was found of it.

    Unlike `locate` it compares the user's own files too. Raises DataError where a file is missing or another one.
    """
    if chosen.package:
        yield place_of(chosen), "matches the published sha256" if chosen.files else "is part of the package"
        return
    root = folder or cache_folder()
    record = Record(root, chosen.name)
    for relative in chosen.prepared:
        path = locate(chosen, relative, folder, thorough=True)
        published = chosen.files.get(relative, "")
        if published and published not in (found := sha256(path), _rewritten(chosen, path)):
            raise DataError(Problem(str(path), f"sha256 {found}", published))
        known = path.is_relative_to(root) or (path.parent / STAMP).exists()
        first = "is as it was prepared" if known else "has no known checksum"
        yield str(path), "matches the published sha256" if published else first
    for address, published in chosen.archives.items():
        path = root / "official" / chosen.name / file_name(address)
        if not path.is_file():
            continue
        sums = checksums(path, published)
        wrong = mismatch(sums, published)
        recorded = record.fetched.get(path.name, {}).get("sha256", sums["sha256"])
        if wrong or recorded != sums["sha256"]:
            found, expected = wrong or (f"sha256 {sums['sha256']}", recorded)
            raise DataError(Problem(str(path), found, expected))
        yield str(path), "matches the published checksum" if published else "matches the first download"


def _rewritten(chosen: Dataset, path: Path) -> str:
    """The sha256 that the user's own copy of an official file has in the form of the prepared one, or an empty text."""
    try:
        return hashlib.sha256(chosen.rewrite(read_whole(path))).hexdigest() if chosen.rewrite else ""
    except (ValueError, DataError):
        return ""
