"""NumPy's files: images in .npz; what they announce and what they hold."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from random import Random
from typing import Any, ClassVar

import numpy as np

from tests.fuzz.damage import Mutator
from tests.fuzz.readers.files import FileReader, Seed

IMAGE = {"name": "image", "size": 8}
_SHAPES = (
    "(3,", "()", "(0,)", "(-1,)", "(400000, 400000)", "(9999999999999,)", "(12, 8, 8, 2)", "(1,)", "('a',)", "None",
    "(12,8,8,",
    "(" * 3000, "12", "(12.5,)", "(True,)", "(2**70,)", "(18446744073709551616,)", "(12, 0, 8, 3)", "((12,),)",
)  # fmt: skip
_TYPES = (
    "|u1",
    "<f4",
    "<f8",
    ">f8",
    "|O",
    "|b1",
    "<U5",
    "|S3",
    "<M8[s]",
    "<c16",
    "|V8",
    "<i8",
    "<f2",
    "x",
    "[('a','<i4')]",
)


def npz(**arrays: np.ndarray) -> bytes:
    """An archive as bytes."""
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


def _members(data: bytes) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError, RuntimeError, zipfile.zlib.error):  # type: ignore[attr-defined]
        return None


def _archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def _with_header(data: bytes, text: str) -> bytes:
    """A .npy with another header."""
    if not data.startswith(b"\x93NUMPY") or len(data) < 12:
        return data
    length = struct.unpack("<H", data[8:10])[0]
    held = text.encode("latin-1", "replace")[:60_000] + b"\n"
    return data[:8] + struct.pack("<H", len(held)) + held + data[10 + length :]


def _header_of(data: bytes) -> str:
    length = struct.unpack("<H", data[8:10])[0] if len(data) > 10 else 0
    return data[10 : 10 + length].decode("latin-1")


def header(random: Random, data: bytes) -> bytes:
    """Another shape, type, order, or key in the header of an array; damage to its text."""

    def one(content: bytes) -> bytes:
        text = _header_of(content)
        how = random.randrange(5)
        if how == 0:
            text = re.sub(r"'shape': \([^)]*\)", lambda _: f"'shape': {random.choice(_SHAPES)}", text)
        elif how == 1:
            text = re.sub(r"'descr': '[^']*'", lambda _: f"'descr': {random.choice(_TYPES)!r}", text)
        elif how == 2:
            text = text[: random.randrange(len(text) + 1)]
        elif how == 3:
            text = text.replace("False", random.choice(("True", "None", "1", "'x'", "__import__('os')")))
        else:
            text = text.replace(
                random.choice(("'", ",", "}", "{", "shape", "descr", ":")), random.choice(("", "'", "{", "(")), 1
            )
        return _with_header(content, text)

    return _in_one(random, data, one)


def values(random: Random, data: bytes) -> bytes:
    """Well-formed arrays of other values, types and shapes."""

    def one(content: bytes) -> bytes:
        try:
            array = np.load(io.BytesIO(content), allow_pickle=False)
        except Exception:  # damaged before
            return content
        changed = _odd(random, array)
        out = io.BytesIO()
        np.save(out, changed)
        return out.getvalue()

    return _in_one(random, data, one)


def _odd(random: Random, array: np.ndarray) -> np.ndarray:
    makers: list[Any] = [
        lambda: array[:0],
        lambda: array[:1],
        lambda: array[0] if array.ndim and len(array) else array,
        lambda: np.array(5),
        lambda: np.array("abc"),
        lambda: array.astype(str),
        lambda: array.astype("S3"),
        lambda: array[..., None],
        lambda: array.reshape(-1),
        lambda: np.array(["\x1b[2J", "a\nb", "nan", "inf", "1_0"] * 5)[: len(array) or 1],
        lambda: np.full(array.shape, np.nan),
        lambda: np.full(array.shape, np.inf),
        lambda: np.full(array.shape, 1e38, np.float64),
        lambda: np.full(array.shape, 2**63 - 1),
        lambda: array.astype(np.float64) / 255,
        lambda: array.astype(np.int64) - 1000,
        lambda: array.astype(np.complex64),
        lambda: array.astype(bool),
        lambda: array.astype(np.uint16),
        lambda: array.astype("M8[s]"),
        lambda: np.zeros((len(array), 0, 8), np.uint8),
        lambda: np.zeros(3, [("a", "<i4"), ("b", "<f4")]),
        lambda: np.concatenate([array, array]),
    ]
    try:
        return random.choice(makers)()
    except (ValueError, TypeError, IndexError, OverflowError):
        return array


def _in_one(random: Random, data: bytes, change: Any) -> bytes:
    """A change to one member of an archive, or to a bare array."""
    if data.startswith(b"\x93NUMPY"):
        return change(data)
    members = _members(data)
    if not members:
        return data
    name = random.choice(list(members))
    return _archive({**members, name: change(members[name])})


def members(random: Random, data: bytes) -> bytes:
    """Members of an archive gone, renamed, of no known kind, twice."""
    held = _members(data)
    if not held:
        return data
    names = list(held)
    name = random.choice(names)
    how = random.randrange(5)
    content = held.pop(name)
    if how == 1:
        names = ["x.npy", "../x.npy", "images", "labels.npy", "a/b.npy", "\x1b[2J.npy", "set.npy", ".npy"]
        held[random.choice(names)] = content
    elif how == 2:
        held[name] = random.choice(
            (b"", b"text", b"\x93NUMPY", b"\x93NUMPY\x01\0", b"\x80\x04N.", content[:20], content[:-3])
        )
    elif how == 3:
        held = {}
    elif how == 4:
        held |= {name: content, "set.npy": npy(np.array(["train", "test"] * 3))}
    return _archive(held)


def npy(array: np.ndarray) -> bytes:
    """A bare array as bytes."""
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def bomb(random: Random, data: bytes) -> bytes:
    """A small archive that unpacks to hundreds of megabytes."""
    held = _members(data)
    if not held or random.random() < 0.97:  # costs half a second
        return data
    size = 10_000
    fake = b"\x93NUMPY\x01\0" + struct.pack("<H", 118)
    head = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({size}, {size}), }}".ljust(117).encode() + b"\n"
    return _archive({**held, random.choice(list(held)): fake + head + bytes(size * size)})


ARRAYS: tuple[Mutator, ...] = (header, header, values, values, members, bomb)


class Arrays(FileReader):
    """Images in .npz."""

    name = "arrays"
    text = False
    mutators: ClassVar[tuple[Mutator, ...]] = ARRAYS

    def seeds(self) -> list[Seed]:
        """Bytes, floats, 16 bits; gray and RGB; with parts."""
        rng = np.random.default_rng(1)
        labels = np.array(["cat", "Łama"] * 6)
        rgb = rng.integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)
        gray = rng.random((12, 8, 8)).astype(np.float32)
        parts = np.array(["train"] * 8 + ["test"] * 4)
        return [
            Seed("rgb.npz", npz(images=rgb, labels=labels), IMAGE),
            Seed("gray.npz", npz(x=gray, y=np.arange(12) % 2), {**IMAGE, "channels": 1}),
            Seed("parts.npz", npz(images=rgb.astype(np.uint16) * 257, labels=labels, set=parts), IMAGE,
            {"split": {"by": "predefined"}}),
        ]  # fmt: skip
