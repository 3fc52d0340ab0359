"""Members of zip and tar archives, read in blocks and within limits: no archive fills the memory or the disk."""

from __future__ import annotations

import errno
import gzip
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from xmr.errors import DataError, Problem, reason

_BLOCK = 1 << 20  # bytes copied at a time
_HEADER = 1 << 20  # bytes of one extended tar header (long names), which tarfile reads whole
# headers whose content tarfile reads into memory
_LONG = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_BAD_NAME = (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL)
# What zipfile, tarfile and the decompressors really raise when the bytes are wrong. OSErrors of the disk are none of
# them; BadGzipFile is an OSError and comes first wherever both are told apart.
_DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,  # a negative seek, a name that is not the encoding it claims
    OverflowError,
    RuntimeError,  # an encrypted member; NotImplementedError: an unknown compression
)


class ArchiveError(DataError):
    """An official file is damaged or holds something else than it should. `archive`: which; None: not known."""

    def __init__(self, problem: Problem, archive: Path | None = None) -> None:
        super().__init__(problem)
        self.archive = archive


@dataclass(frozen=True)
class Limits:
    """What an archive may hold at most. The largest of the public sets (SUN397) has 108,754 files of 39 GB.

    members: files; member: bytes of one; total: bytes of all; text: bytes of one that is read into memory;
    ratio: bytes of all to the archive's own, looked at from `floor` bytes on.
    """

    members: int = 2_000_000
    member: int = 16 << 30
    total: int = 200 << 30
    text: int = 256 << 20
    ratio: int = 200
    floor: int = 64 << 20


@dataclass(frozen=True)
class Member:
    """A plain file in an archive; read or write it before asking for the next one."""

    archive: Path
    name: str
    size: int
    limits: Limits
    opened: Callable[[], IO[bytes]]

    def read(self) -> bytes:
        """The content. Raises ArchiveError beyond the limit of what is held in memory, or where it is damaged."""
        if self.size > self.limits.text:
            raise self.error(f"{self.size:,} bytes", f"at most {self.limits.text:,} of a file that is read whole")
        with damage_as_error(self.archive), self.opened() as source:
            return source.read()

    def write(self, folder: Path, name: str | None = None) -> Path:
        """Write it below `folder`, by its own name or by `name`, in blocks -> where it lies.

        A second member of the same name must hold the same. Raises ArchiveError for a name that leaves the folder, that
        is a file and a folder at once, or that the file system does not take, and where the member is damaged.
        """
        place = inside(folder, name or self.name, self.archive)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_file():
                self._compare(place)
                return place
            with damage_as_error(self.archive), self.opened() as source, place.open("xb") as target:
                shutil.copyfileobj(source, target, _BLOCK)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise self.error("a name that is a file and a folder at once", "every name once") from error
        except OSError as error:
            if error.errno not in _BAD_NAME:
                raise
            raise self.error(f"a name that cannot be written ({error.strerror})", "names of files") from error
        return place

    def _compare(self, place: Path) -> None:
        with damage_as_error(self.archive), self.opened() as source, place.open("rb") as held:
            while (block := source.read(_BLOCK)) == held.read(_BLOCK):
                if not block:
                    return
        raise self.error(f"two different files of the name {place.name}", "every name once")

    def error(self, found: str, expected: str) -> ArchiveError:
        """What is wrong with this member."""
        return ArchiveError(Problem(f"{self.archive}: {self.name}", found, expected), self.archive)


@contextmanager
def damage_as_error(archive: Path) -> Iterator[None]:
    """What the libraries raise while reading a damaged archive becomes one ArchiveError that names it."""
    try:
        yield
    except DataError:
        raise
    except _DAMAGE as error:
        found = f"a damaged archive ({reason(error)})"
        raise ArchiveError(Problem(str(archive), found, "a whole one"), archive) from error


def inside(folder: Path, name: str, archive: Path) -> Path:
    """Where a member goes. Raises ArchiveError for one that would leave the folder."""
    pure = PurePosixPath(name)
    place = folder.joinpath(*pure.parts)
    if not pure.parts or ".." in pure.parts or pure.is_absolute() or not place.is_relative_to(folder):
        found = f"the archive member {name!r}"
        raise ArchiveError(Problem(str(archive), found, "members below the archive's own folder"), archive)
    return place


def read_whole(path: Path) -> bytes:
    """A file that is no archive of several, unpacked where it ends in .gz.

    Raises ArchiveError beyond the limit of what is held in memory, or where it is damaged.
    """
    limit = Limits().text
    with damage_as_error(path), gzip.open(path) if path.suffix == ".gz" else path.open("rb") as source:
        content = source.read(limit + 1)
    if len(content) > limit:
        found = f"more than {limit:,} bytes"
        raise ArchiveError(Problem(str(path), found, "the official file"), path)
    return content


def members(archive: Path, limits: Limits | None = None) -> Iterator[Member]:
    """Plain files of a .zip archive or a tar archive (.gz or not); links, devices and folders are passed over.

    Raises ArchiveError where the archive is damaged, cut short, or larger than the limits, which look at what the
    archive's headers announce: neither library hands out more than that.
    """
    limits = limits or Limits()
    own, count, total = archive.stat().st_size, 0, 0
    for member in (_zip if archive.suffix == ".zip" else _tar)(archive, limits):
        count, total = count + 1, total + member.size
        if member.size > limits.member:
            raise member.error(f"{member.size:,} bytes", f"at most {limits.member:,} a file")
        for found, most, what in (
            (count, limits.members, "files"),
            (total, limits.total, "bytes unpacked"),
            (total, max(limits.floor, own * limits.ratio), f"bytes unpacked from {own:,}"),
        ):
            if found > most:
                raise ArchiveError(Problem(str(archive), f"more than {most:,} {what}", "an official archive"), archive)
        yield member


def _zip(archive: Path, limits: Limits) -> Iterator[Member]:
    with damage_as_error(archive):
        opened = zipfile.ZipFile(archive)
    with opened:
        for entry in opened.infolist():
            if not entry.is_dir():

                def reader(entry: zipfile.ZipInfo = entry) -> IO[bytes]:
                    return opened.open(entry)

                yield Member(archive, entry.filename, entry.file_size, limits, reader)


class _Header(tarfile.TarInfo):
    """A tar header that is right, or an error: tarfile itself takes a damaged one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Header:
        """See tarfile; raises ReadError for an extended header that would fill the memory."""
        made = super().frombuf(buf, encoding, errors)
        if made.type in _LONG and made.size > _HEADER:
            raise tarfile.ReadError(f"an extended header of {made.size:,} bytes")
        return made

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _Header:
        """See tarfile; raises ReadError for a damaged header."""
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the block of zeros that ends an archive
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"cut short or damaged: {error}") from error


def _tar(archive: Path, limits: Limits) -> Iterator[Member]:
    with archive.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        # gzip's own reader checks length and checksum; tarfile's does neither
        content = cast(IO[bytes], gzip.GzipFile(fileobj=raw)) if packed else raw
        with damage_as_error(archive):
            stream = tarfile.open(fileobj=content, mode="r|", tarinfo=_Header)  # noqa: SIM115
        while True:
            with damage_as_error(archive):
                entry = stream.next()
            if entry is None:
                break
            if entry.isfile():

                def reader(entry: tarfile.TarInfo = entry) -> IO[bytes]:
                    return cast(IO[bytes], stream.extractfile(entry))

                yield Member(archive, entry.name, entry.size, limits, reader)
        with damage_as_error(archive):
            behind = 0
            while block := content.read(_BLOCK):  # to the end, where gzip's checksum is
                if (behind := behind + len(block)) > limits.floor:
                    raise tarfile.ReadError("more bytes behind its end")
