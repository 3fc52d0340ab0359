"""Fetching a public data set: official files with checksums, prepared in a hidden folder and put in place by one
rename.

Below a root (the cache, or the folder given with `--folder`):

    official/NAME/          the official files, as they were fetched or brought by hand
    checksums/NAME.json     the sha256 of each, kept from the first time on
    images/dtd/, ...        the prepared sets, each with the stamp that says it is whole

Whatever is unfinished has a hidden name until one rename puts it in place, so a process may be killed at any time: what
it leaves is swept when the set is next asked for.
"""

from __future__ import annotations

import csv
import errno
import glob
import http.client
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import pooch
from filelock import FileLock, Timeout

from xmr.core.files import replacing
from xmr.data.public.archives import ArchiveError, members, read_whole
from xmr.data.public.checksums import Record, checksums, mismatch, sha256
from xmr.data.public.dataset import Dataset, file_name, package_file
from xmr.data.public.location import cache_folder, locate
from xmr.data.public.stamp import stamp_fault, write_stamp
from xmr.errors import DataError, DataUnavailableError, Problem, reason

Fetch = Callable[[str, Path], Path]  # address, folder -> the file downloaded into it
Log = Callable[[str], None]

_DISK = {getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EROFS", "EACCES", "EPERM", "EFBIG", "EIO", "EMFILE")}
_WAIT = 60  # seconds without an answer before an address counts as out of reach


def fetch(address: str, folder: Path) -> Path:
    """Download one official file into `folder`, in blocks."""
    target = folder / file_name(address)
    pooch.HTTPDownloader(chunk_size=1 << 20, timeout=_WAIT)(address, str(target), None)
    return target


def to_stderr(line: str) -> None:
    """Print what was done about a file or a lock."""
    print(f"xmr: {line}", file=sys.stderr)


def download(
    chosen: Dataset, folder: Path | None = None, fetcher: Fetch = fetch, force: bool = False, log: Log = to_stderr
) -> list[Path]:
    """Bring every file of a data set below `folder` (the cache) -> their paths.

    Files already here (XMR_DATA or cache) are kept if they are complete; with `force` the set is prepared again, and
    unpublished checksums are recorded again. Official files that lie in `folder`/official/NAME are used; a damaged one
    is renamed, not deleted, and fetched again. One process at a time prepares a set, others wait.

    Raises DataError when an address cannot be reached, a checksum differs, an archive is damaged, or the folder cannot
    be written.
    """
    if chosen.package:
        return [package_file(chosen)] if chosen.files else []
    root = folder or cache_folder()
    with plain_errors(root):
        preparation = _Preparation(chosen, root, fetcher, force, log)
        here = None if force else _here(chosen, root)
        if here is not None and not preparation.left():
            return here
        if not (chosen.addresses or chosen.generated):
            locate(chosen, folder=root, thorough=True)  # the message says where it is looked for
            raise DataError(Problem(f"data get {chosen.name}", "no official address", "no --force for this set"))
        with _alone(chosen, root, log):
            preparation = _Preparation(chosen, root, fetcher, force, log)
            preparation.sweep()
            here = None if force else _here(chosen, root)  # another process may have brought it meanwhile
            return preparation.run() if here is None else here


def _here(chosen: Dataset, root: Path) -> list[Path] | None:
    """The files of a set where all of them are here and whole."""
    try:
        return [locate(chosen, name, root, thorough=True) for name in chosen.prepared]
    except DataUnavailableError:
        return None


@contextmanager
def plain_errors(root: Path) -> Iterator[None]:
    """What the file system refuses, in one line with the remedy."""
    try:
        yield
    except OSError as error:
        place, remedy = str(error.filename or root), "or XMR_CACHE set to another folder"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            problem = Problem(place, f"a full disk ({error.strerror})", f"more room there, {remedy}")
        elif error.errno in (errno.ENOTDIR, errno.EEXIST, errno.EISDIR):
            above = [Path(place), *Path(place).parents]
            place = str(next((path for path in reversed(above) if path.is_file()), place))  # the file in the way
            problem = Problem(place, "a file where a folder should be, or the reverse", f"it out of the way, {remedy}")
        else:
            found = f"what cannot be read or written ({error.strerror or reason(error)})"
            problem = Problem(place, found, f"a folder that xmr may write to, {remedy}")
        raise DataError(problem) from error


@contextmanager
def _alone(chosen: Dataset, root: Path, log: Log) -> Iterator[None]:
    """No other process prepares the set meanwhile. The kernel lets go of the lock when a process dies."""
    folder = root / "official" / chosen.name
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log(f"waiting for another process that prepares {chosen.name} ({folder / '.lock'})")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


class _Preparation:
    """One data set on its way from official files to the files that xmr reads."""

    def __init__(self, chosen: Dataset, root: Path, fetcher: Fetch, force: bool, log: Log) -> None:
        self.chosen, self.root, self.fetcher, self.force, self.log = chosen, root, fetcher, force, log
        self.official = root / "official" / chosen.name
        self.incoming = self.official / ".incoming"
        self.target = root / chosen.folder
        self.part = self.target.with_name(f".{self.target.name}.part")  # where the set is unpacked
        self.old = self.target.with_name(f".{self.target.name}.old")  # the one it replaces, soon to be deleted
        self.record = Record(root, chosen.name)
        self.fetched: set[Path] = set()  # official files that this call downloaded
        self.aside: dict[Path, str] = {}  # official files that were here and are renamed, and why
        self.sums: dict[str, dict[str, object]] = {}

    def left(self) -> list[Path]:
        """What a preparation that was killed has left, or one at work has begun."""
        paths = (self.record.path, *(self.root / name for name in self.chosen.prepared))
        parts = [left for path in paths for left in path.parent.glob(f".{glob.escape(path.name)}.*.part")]
        return [*parts, *(path for path in (self.incoming, self.part, self.old) if os.path.lexists(path))]

    def sweep(self) -> None:
        """Remove what a preparation that was killed has left, and put a set back that it was about to replace."""
        if os.path.lexists(self.old) and not os.path.lexists(self.target):
            os.rename(self.old, self.target)
        for path in self.left():
            _remove(path)

    def run(self) -> list[Path]:
        """Obtain and prepare; once more, with files downloaded again, if those found here are damaged."""
        whole = bool(self.chosen.archives) or self.chosen.generated  # prepared as one folder, not file by file
        missing = [] if whole else self._missing()
        members = {Path(relative).name for relative in missing}
        wanted = dict(self.chosen.archives) or {
            address: "" for address, member in self.chosen.official.items() if Path(member).name in members
        }
        while True:
            files = {file_name(address): self._obtain(address, published) for address, published in wanted.items()}
            try:
                return self._unpack(files) if whole else self._convert(files, missing)
            except ArchiveError as error:
                # a file that is as published will not be better the next time
                doubtful = [files[file_name(address)] for address, published in wanted.items() if not published]
                if error.archive in files.values():
                    doubtful = [path for path in doubtful if path == error.archive]
                problem = error.problems[0]
                fresh = [path for path in doubtful if path in self.fetched]
                for path in doubtful:
                    if path in fresh:
                        path.unlink()
                    else:
                        self._set_aside(path, problem.found)
                if fresh:
                    again = (
                        f"{problem.expected}; the download was deleted, `xmr data get {self.chosen.name}` tries again"
                    )
                    raise DataError(Problem(problem.place, problem.found, again)) from error
                if not doubtful:
                    raise

    def _missing(self) -> list[str]:
        """The single files of the set that are to be made: with `force` all of them."""
        missing = []
        for relative in self.chosen.prepared:
            try:
                if self.force:
                    missing.append(relative)
                else:
                    locate(self.chosen, relative, self.root, thorough=True)
            except DataUnavailableError:
                missing.append(relative)
        return missing

    def _obtain(self, address: str, published: str) -> Path:
        """An official file, from the folder or its address, compared with every checksum that is known."""
        path = self.official / file_name(address)
        if path.is_file():
            fault = self._fault(path, path.name, published, address)
            if fault is None:
                return path
            self._set_aside(path, fault[0])
        was = f" (the one here was set aside: {self.aside[path]})" if path in self.aside else ""
        get = f"data get {self.chosen.name}"
        if "#" in address:
            raise DataError(Problem(get, f"no {path}{was}", f"the file, brought by hand: {address.replace('#', ' ')}"))
        _remove(self.incoming)
        self.incoming.mkdir(parents=True)
        try:
            arrived = self.fetcher(address, self.incoming)
            fault = self._fault(arrived, path.name, published, address)
            if fault is not None:
                raise DataError(Problem(f"{path} from {address}", fault[0], fault[1]))
            os.replace(arrived, path)
        except (OSError, http.client.HTTPException) as error:
            # errors of requests are OSErrors too, without a file or a number of the system's
            if isinstance(error, OSError) and (error.errno in _DISK or error.filename is not None):
                raise
            found = f"{address} cannot be reached ({reason(error)[:160]}){was}"
            raise DataError(Problem(get, found, f"a network, or the file at {path}, brought by hand")) from error
        finally:
            _remove(self.incoming)
        self.fetched.add(path)
        return path

    def _fault(self, path: Path, name: str, published: str, address: str) -> tuple[str, str] | None:
        """What was found and what was expected where a checksum differs; remembers the file's own."""
        found = checksums(path, published)
        wrong = mismatch(found, published)
        if wrong:
            return wrong[0], f"{wrong[1]}, as published"
        known = self.record.fetched.get(name, {}).get("sha256")
        if not published and not self.force and known not in (None, found["sha256"]):
            expected = f"{known}, as at the first download ({self.record.path})"
            remedy = f"`xmr data get {self.chosen.name} --force` takes a file that was changed by those who publish it"
            return f"sha256 {found['sha256']}", f"{expected}; {remedy}"
        self.sums[name] = {"sha256": found["sha256"], "bytes": path.stat().st_size, "address": address}
        return None

    def _set_aside(self, path: Path, why: str, word: str = "damaged") -> None:
        """Rename a file or folder that may be the user's."""
        aside = _free(path, word)
        os.rename(path, aside)
        self.aside[path] = f"{aside.name}, {why}"
        self.log(f"{path} renamed to {aside.name}: found {why}")

    def _unpack(self, files: dict[str, Path]) -> list[Path]:
        """Unpack all archives next to the set's folder, stamp the result, put it in place."""
        chosen, target, part, old = self.chosen, self.target, self.part, self.old
        main = str(PurePosixPath(chosen.main).relative_to(chosen.folder)).removeprefix(".")
        assert chosen.convert is not None
        part.mkdir(parents=True)
        try:
            with _laid_out(files):
                chosen.convert(files, part)
            write_stamp(part, chosen.name, main, self.sums)
            self._remember()
            if os.path.lexists(target):
                if target.is_symlink() or stamp_fault(target, chosen.name, thorough=True):
                    self._set_aside(target, f"not the whole set {chosen.name}", "replaced")
                else:
                    os.rename(target, old)
            os.rename(part, target)
        except BaseException:
            self.sweep()
            raise
        _remove(old)
        return [self.root / chosen.main]

    def _convert(self, files: dict[str, Path], missing: list[str]) -> list[Path]:
        """Write every single file of a set that is not here, compared with its checksum."""
        chosen = self.chosen
        sources = {Path(member).name: (file_name(address), member) for address, member in chosen.official.items()}
        for relative in missing:
            name, member = sources[Path(relative).name]
            raw, target = files[name], self.root / relative
            content = _member(raw, member) if raw.suffix == ".zip" else read_whole(raw)
            digest = chosen.files[relative]
            if chosen.rewrite is not None:
                with _laid_out({name: raw}):
                    content = chosen.rewrite(content)
            with replacing(target) as temporary:
                temporary.write_bytes(content)
                found = sha256(temporary)
                if digest and found != digest:
                    raise ArchiveError(Problem(f"{target} from {raw}", f"sha256 {found}", digest), raw)
                known, self.record.prepared[relative] = self.record.prepared.get(relative), found
                if os.path.lexists(target) and not (target.is_file() and sha256(target) in (found, known)):
                    self._set_aside(target, f"another {target.name} than was prepared", "replaced")
                self._remember()  # before the file is in place: one without its record would count as the user's
        return [self.root / name if name in missing else locate(chosen, name, self.root) for name in chosen.prepared]

    def _remember(self) -> None:
        """Record the checksums of the official files, which have proved to be readable."""
        self.record.fetched |= self.sums
        self.record.write()


@contextmanager
def _laid_out(files: dict[str, Path]) -> Iterator[None]:
    """What a converter meets in files that are not laid out as the official ones are becomes one ArchiveError."""
    try:
        yield
    except DataError:
        raise
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, csv.Error) as error:
        found = f"files that are not laid out as the official ones ({reason(error)})"
        raise ArchiveError(Problem(", ".join(map(str, files.values())), found, "the official files")) from error


def _free(path: Path, word: str) -> Path:
    """An unused name next to `path`."""
    tried, number = path.with_name(f"{path.name}.{word}"), 2
    while os.path.lexists(tried):
        tried, number = path.with_name(f"{path.name}.{word}-{number}"), number + 1
    return tried


def _remove(folder: Path) -> None:
    """Delete a folder of xmr's own with all that is in it, where there is one."""
    if folder.is_symlink() or folder.is_file():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)


def _member(archive: Path, name: str) -> bytes:
    """One member of a zip archive, read into memory (no path of the archive ever reaches the disk)."""
    seen = []
    for member in members(archive):
        if Path(member.name).name == Path(name).name:
            return member.read()
        seen.append(member.name)
    raise ArchiveError(Problem(str(archive), f"members {seen[:5]}", name), archive)
