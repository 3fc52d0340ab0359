"""Damage to what xmr itself wrote: JSON notes, tensors, and files as such."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.damage import BINARY, TEXT, Mutator, splice

_ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2, 3, 99, 10**6, 10**9, 10**15, 2**63, 10**400, 0.5, 1e308, 1e-320, float("nan"),
    float("inf"),
    "", "a", "none", "linear", "protein", "classification", "regression", "1", "\x1b[2J", "a\nb", "\ud800", "é",
    "x" * 5000,
    [], {}, [1], ["a", "a"], {"a": 1}, {"name": "identity"}, [[[]]], [None], ["a", "b", "c"], "../x", "/dev/zero",
    [1e400] * 3,
)  # fmt: skip


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every (container, key) below a node."""
    pairs: list[tuple[Any, Any]] = []
    if isinstance(node, dict):
        pairs = [(node, key) for key in node]
    elif isinstance(node, list):
        pairs = [(node, index) for index in range(len(node))]
    found += pairs
    for container, key in pairs:
        _places(container[key], found)
    return found


def fields(random: Random, data: bytes) -> bytes:
    """JSON with a value changed, a key gone, more or renamed, two values swapped, a list in another order."""
    try:
        tree = json.loads(data)
        places = _places(tree, [])
    except (ValueError, RecursionError):  # damaged before
        return data
    if not places:
        return json.dumps(random.choice(_ODD)).encode()
    (inside, key), (other, another) = random.choice(places), random.choice(places)
    how = random.randrange(9)
    if how in (0, 1, 2):
        inside[key] = random.choice(_ODD)
    elif how == 3:
        del inside[key]
    elif how == 4 and isinstance(inside, dict):
        inside[random.choice(("x", key + "s", "name", "", "__class__"))] = (
            inside.pop(key) if random.random() < 0.5 else 1
        )
    elif how == 5:
        held = inside[key], other[another]
        if _places(held[0], []) or _places(held[1], []):  # one may hold the other
            return data
        inside[key], other[another] = held[1], held[0]
    elif how == 6 and isinstance(inside, list):
        random.shuffle(inside)
    elif how == 7 and isinstance(inside[key], bool | int | float) and not isinstance(inside[key], bool):
        inside[key] = random.choice(
            (inside[key] + 1, -inside[key], inside[key] * 2, str(inside[key]), float(inside[key]))
        )
    elif isinstance(inside, list):
        inside.append(inside[key])
    return json.dumps(tree, indent=random.choice((None, 2))).encode("utf-8", "surrogatepass")


def text_of_json(random: Random, data: bytes) -> bytes:
    """JSON that is deep, long, twice there, in another encoding, or with a key twice."""
    number = b"[" + b"9" * 5000 + b"]"
    forms = (
        b"",
        b"null",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        number,
        b"NaN",
        data * 2,
        b"\xff\xfe" + data,
        b"\xef\xbb\xbf" + data,
    )
    if random.random() < 0.5:
        return random.choice((*forms, data.decode("utf-8", "replace").encode("utf-16")))
    spot = data.find(b",")
    return data[: spot + 1] + data[1 : spot + 1] + data[spot + 1 :] if spot > 0 else data


def tensors(random: Random, data: bytes) -> bytes:
    """safetensors: a number changed, a header with other names, types, shapes or places, or of another length."""
    if len(data) < 10:
        return data
    length = struct.unpack("<Q", data[:8])[0]
    if length > len(data) - 8:
        return data
    head, body = data[8 : 8 + length], bytearray(data[8 + length :])
    how = random.randrange(7)
    if how in (0, 1) and body:
        body[random.randrange(len(body))] ^= 1 << random.randrange(8)
    elif how == 2 and len(body) >= 4:
        at = random.randrange(len(body) // 4) * 4
        body[at : at + 4] = struct.pack("<f", random.choice((float("nan"), float("inf"), 1e38, 0.0, -1.0)))
    elif how == 3:
        return struct.pack("<Q", random.choice((0, 1, length + 1, 10**8, 10**12, 2**63, 2**64 - 1))) + head + body
    elif how == 4:
        head = head.replace(
            random.choice((b"F32", b"I64", b"BOOL")), random.choice((b"F16", b"F64", b"I32", b"U8", b"BF16", b"X9")), 1
        )
    else:
        head = fields(random, head.rstrip())
    return struct.pack("<Q", len(head)) + head + bytes(body)


def damaged(random: Random, name: str, data: bytes, others: list[bytes]) -> tuple[bytes, str]:
    """Damage to one file as its name asks for -> the bytes and what was done."""
    binary = name.endswith((".safetensors", ".npy"))
    special: tuple[Mutator, ...] = (tensors,) if name.endswith(".safetensors") else ()
    special = (fields, fields, fields, text_of_json) if name.endswith(".json") else special
    general: tuple[Mutator, ...] = (*(BINARY if binary else TEXT), *([splice(others)] if others else []))
    done = []
    for _ in range(random.choice((1, 1, 1, 2))):
        chosen = random.choice(special if special and random.random() < 0.65 else general)
        data = chosen(random, data)
        done.append(chosen.__name__)
    return data, f"{name} {' '.join(done)}"


def other_kind(random: Random, path: Path, strange: bool = False) -> str:
    """A file gone, empty, a folder, or a link; strange: a pipe or an endless file too, as others may hand on."""
    path.unlink()
    how = random.choice(("gone", "empty", "folder", "link", *(("pipe", "endless") if strange else ())))
    if how == "empty":
        path.write_bytes(b"")
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how != "gone":
        path.symlink_to("/dev/zero" if how == "endless" else "nowhere")
    return f"{path.name} {how}"
