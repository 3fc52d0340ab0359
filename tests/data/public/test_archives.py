"""Archives are read in blocks and within limits; every damaged or contradictory one is one message that names it."""

import gzip
import io
import random
import resource
import tarfile
import zipfile

import pytest

from tests.data.public.archived import cut, tarred, zipped
from xmr.data.public.archives import ArchiveError, Limits, members
from xmr.data.public.image_archives import unpack


def read_all(path, limits=None):
    return {member.name: member.read() for member in members(path, limits)}


FILES = {"a.txt": b"one" * 2000, "b/c.txt": bytes(range(256)) * 30}


def test_what_is_whole_is_read(tmp_path):
    for path in (
        zipped(tmp_path / "a.zip", FILES),
        zipped(tmp_path / "b.zip", FILES, zipfile.ZIP_DEFLATED),
        tarred(tmp_path / "c.tar.gz", FILES),
        tarred(tmp_path / "d.tar", FILES, "w"),
    ):
        assert read_all(path) == FILES


@pytest.mark.parametrize("name", ["a.zip", "b.tar.gz", "c.tar"])
def test_cut_anywhere(tmp_path, name):
    make = zipped if name.endswith("zip") else tarred
    path = make(tmp_path / name, FILES, **({"mode": "w"} if name == "c.tar" else {}))
    content = path.read_bytes()
    if name == "c.tar":  # what follows the last file is padding to a whole block of tapes
        content = content[: 512 * 3 + 6144 + 7680]
    for size in [0, 1, 511, 512, 513, *range(600, len(content) - 1, max(1, len(content) // 40)), len(content) - 1]:
        if size >= len(content):
            continue
        path.write_bytes(content[:size])
        with pytest.raises(ArchiveError, match=rf"{name}: found a damaged archive \(.*expected a whole one") as caught:
            read_all(path)
        assert caught.value.archive == path


@pytest.mark.parametrize("name", ["a.zip", "b.tar.gz", "c.tar"])
def test_flipped_bits_are_noticed_or_harmless(tmp_path, name):
    make = zipped if name.endswith("zip") else tarred
    path = make(tmp_path / name, FILES, **({"mode": "w"} if name == "c.tar" else {}))
    content = bytearray(path.read_bytes())
    rng = random.Random(0)
    for _ in range(150):
        changed = bytearray(content)
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
        path.write_bytes(changed)
        try:
            found = read_all(path)
        except ArchiveError:
            continue
        if name != "c.tar":  # a plain tar has no checksum of what it holds
            assert list(found.values()) == list(FILES.values())


def test_other_kinds_of_damage(tmp_path):
    for name, content in (("page.zip", b"<html>"), ("page.tgz", b"<html>" * 200), ("empty.tar.gz", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ArchiveError, match=f"{name}: found a damaged archive"):
            read_all(tmp_path / name)
    path = zipped(tmp_path / "locked.zip", {"a": b"x"})
    content = bytearray(path.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="encrypted"):
        read_all(path)


def test_limits(tmp_path):
    path = zipped(tmp_path / "a.zip", {"a.png": b"1" * 100, "b.png": b"2" * 100})
    for limits, message in (
        (Limits(members=1), "found more than 1 files; expected an official archive"),
        (Limits(member=99), r"a\.zip: a\.png: found 100 bytes; expected at most 99 a file"),
        (Limits(total=150), "found more than 150 bytes unpacked"),
        (Limits(text=99), r"a\.zip: a\.png: found 100 bytes; expected at most 99 of a file that is read whole"),
        (Limits(ratio=0, floor=150), "found more than 150 bytes unpacked from 3"),
    ):
        with pytest.raises(ArchiveError, match=message):
            read_all(path, limits)
    assert len(read_all(path, Limits(2, 100, 200, 100, 1, 200))) == 2


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
def test_a_bomb_takes_no_memory(tmp_path, kind):
    """200 MB of zeros: as a text member it is refused before it is read, as a picture by its ratio."""
    path = tmp_path / f"bomb.{kind}"
    zeros = b"\0" * (1 << 20)
    for name in ("meta/list.txt", "a.png"):
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open(name, "w") as target:
                for _ in range(200):
                    target.write(zeros)
        else:
            entry = tarfile.TarInfo(name)
            entry.size = 200 << 20
            with gzip.open(path, "wb", 1) as target:
                target.write(entry.tobuf())
                for _ in range(200):
                    target.write(zeros)
                target.write(b"\0" * 1024)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with pytest.raises(ArchiveError, match=r"found more than .* bytes unpacked from"):
            unpack([path], tmp_path / "out")
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000  # kB
        assert not (tmp_path / "out").exists()


def test_a_large_header_of_a_tar_is_refused(tmp_path):
    entry = tarfile.TarInfo("x")
    entry.type, entry.size = tarfile.XHDTYPE, 1 << 30
    path = tmp_path / "h.tar.gz"
    with gzip.open(path, "wb") as target:
        target.write(entry.tobuf(tarfile.USTAR_FORMAT))
        target.write(b"\0" * (4 << 20))
    with pytest.raises(ArchiveError, match="extended header of 1,073,741,824 bytes"):
        read_all(path)


def test_long_names_are_read(tmp_path):
    name = "d" * 150 + "/" + "f" * 150 + ".txt"
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        with tarfile.open(tmp_path / "l.tar.gz", "w:gz", format=form) as archive:
            entry = tarfile.TarInfo(name)
            entry.size = 3
            archive.addfile(entry, io.BytesIO(b"abc"))
        assert read_all(tmp_path / "l.tar.gz") == {name: b"abc"}


def test_names_that_contradict_each_other(tmp_path):
    for files in ({"a.png": b"1", "a.png/b.png": b"2"}, {"a.png/b.png": b"2", "a.png": b"1"}):
        with pytest.raises(ArchiveError, match=r"x\.zip: a\.png.*: found a name that is a file and a folder at once"):
            unpack([zipped(tmp_path / "x.zip", files)], tmp_path / f"out{len(files['a.png'])}{next(iter(files))[-5]}")
    with pytest.raises(ArchiveError, match=r"found two different files of the name a\.png; expected every name once"):
        unpack(
            [zipped(tmp_path / "x.zip", {"a.png": b"1"}), zipped(tmp_path / "y.zip", {"a.png": b"2"})], tmp_path / "o"
        )
    unpack([zipped(tmp_path / "x.zip", {"b.png": b"1"}), zipped(tmp_path / "y.zip", {"b.png": b"1"})], tmp_path / "o")
    with pytest.raises(ArchiveError, match="found a name that cannot be written"):
        unpack([zipped(tmp_path / "x.zip", {"n" * 300 + ".png": b"1"})], tmp_path / "long")


def test_links_and_devices_are_passed_over(tmp_path):
    with tarfile.open(tmp_path / "l.tar.gz", "w:gz") as archive:
        for name, kind in (("a.png", tarfile.SYMTYPE), ("b.png", tarfile.LNKTYPE), ("c.png", tarfile.CHRTYPE)):
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname = kind, "/etc/passwd"
            archive.addfile(entry)
    assert unpack([tmp_path / "l.tar.gz"], tmp_path / "out") == (set(), {})
    assert not (tmp_path / "out").exists()


def test_a_cut_archive_of_pictures(tmp_path):
    path = cut(zipped(tmp_path / "p.zip", {f"{i}.png": bytes(500) for i in range(9)}))
    with pytest.raises(ArchiveError, match=r"p\.zip: found a damaged archive \(BadZipFile"):
        unpack([path], tmp_path / "out")
