"""Damage that needs no knowledge of a format: seeded mutations of bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from random import Random

Mutator = Callable[[Random, bytes], bytes]

MAX_BYTES = 400_000  # what repeating may make of a file
BYTES = (
    b"\0",
    b"\x1b[31m",
    b"\x1b]0;title\x07",
    b"\x1f",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b"\xff",
    b"\xef\xbb\xbf",
    b"\x80",
)
TEXTS = (
    '"', "'", ",", ";", "|", "\t", " ", ">", "=", "?", "%", "@", "#", "$", "$$", "\\", "{", "}", "[", "]", "null",
    "nan", "NaN", "inf", "-inf", "Infinity", "true", "None", "=1+1", "<script>", "\u0661\u0662", "\uff11", "\u00b2",
    "1_0",
    "\u202e", "\u0301", "\U0001f600", "e\u0301", "\ud7ff", "\u2028", "\x85",
)  # fmt: skip
NUMBERS = (
    "0", "-1", "1", "2", "1e308", "-1e308", "1e309", "1e-320", "nan", "inf", "-inf", "1_000", "0x10", "1,5", "1.5.2",
    "٣",
    "１", "²", "", "9" * 30, "9" * 5000, "2147483648", "-2147483649", "9223372036854775808", "18446744073709551616",
    "1e5",
    "1000000000", "00", "-0", "+1", "1.", ".5", "NA", "?", "1e", "true", "1/2", "2020-13-45",
)  # fmt: skip
WHOLE = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    2**63 - 1,
    2**63,
    2**64 - 1,
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")


def _span(random: Random, data: bytes, most: int = 64) -> tuple[int, int]:
    begin = random.randrange(len(data) + 1)
    return begin, min(len(data), begin + random.randint(1, most))


def flip_bit(random: Random, data: bytes) -> bytes:
    """One bit of one byte."""
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << random.randrange(8))]) + data[place + 1 :]


def set_byte(random: Random, data: bytes) -> bytes:
    """Another value in one byte."""
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + bytes([random.randrange(256)]) + data[place + 1 :]


def insert_bytes(random: Random, data: bytes) -> bytes:
    """Control bytes, escapes, a byte order mark, or noise."""
    place = random.randrange(len(data) + 1)
    new = random.choice(BYTES) if random.random() < 0.7 else random.randbytes(random.randint(1, 40))
    return data[:place] + new + data[place:]


def insert_text(random: Random, data: bytes) -> bytes:
    """Delimiters, quotes, words that mean numbers, letters of other scripts."""
    place = random.randrange(len(data) + 1)
    return data[:place] + random.choice(TEXTS).encode() + data[place:]


def delete_span(random: Random, data: bytes) -> bytes:
    """Up to 64 bytes gone."""
    begin, end = _span(random, data)
    return data[:begin] + data[end:]


def truncate(random: Random, data: bytes) -> bytes:
    """The end cut off, sometimes all."""
    return data[: random.randrange(len(data) + 1)]


def duplicate_block(random: Random, data: bytes) -> bytes:
    """A stretch once more, elsewhere."""
    begin, end = _span(random, data, 400)
    place = random.randrange(len(data) + 1)
    return data[:place] + data[begin:end] + data[place:]


def swap_blocks(random: Random, data: bytes) -> bytes:
    """Two neighboring stretches change places."""
    a, b, c = sorted(random.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def repeat_line(random: Random, data: bytes) -> bytes:
    """A line many times."""
    lines = data.splitlines(keepends=True)
    if not lines:
        return data
    at = random.randrange(len(lines))
    times = min(random.choice((2, 5, 50, 3000)), MAX_BYTES // max(1, len(lines[at])))
    return b"".join([*lines[:at], lines[at] * max(1, times), *lines[at + 1 :]])


def repeat_letter(random: Random, data: bytes) -> bytes:
    """A letter many thousand times: what is quadratic shows here."""
    if not data:
        return data
    place = random.randrange(len(data))
    return data[:place] + data[place : place + 1] * random.choice((100, 10_000, 130_000)) + data[place:]


def replace_number(random: Random, data: bytes) -> bytes:
    """A number in the text by an extreme, or by what only looks like one."""
    found = list(_NUMBER.finditer(data))
    if not found:
        return data
    one = random.choice(found)
    return data[: one.start()] + random.choice(NUMBERS).encode() + data[one.end() :]


def replace_whole(random: Random, data: bytes) -> bytes:
    """Two, four or eight bytes by an extreme whole number, in either order."""
    width, kind = random.choice(((2, "H"), (4, "I"), (8, "Q")))
    if len(data) < width:
        return data
    place = random.randrange(min(len(data) - width + 1, 4096) if random.random() < 0.5 else len(data) - width + 1)
    value = random.choice(WHOLE) & (256**width - 1)
    return data[:place] + struct.pack(random.choice("<>") + kind, value) + data[place + width :]


def zeros(random: Random, data: bytes) -> bytes:
    """A stretch of zeros."""
    begin, end = _span(random, data, 600)
    return data[:begin] + bytes(end - begin) + data[end:]


def splice(others: Sequence[bytes]) -> Mutator:
    """The beginning of a file and the end of another."""

    def spliced(random: Random, data: bytes) -> bytes:
        other = random.choice(others)
        return data[: random.randrange(len(data) + 1)] + other[random.randrange(len(other) + 1) :]

    return spliced


ANY: tuple[Mutator, ...] = (
    flip_bit, set_byte, insert_bytes, delete_span, truncate, duplicate_block, swap_blocks,
)  # fmt: skip
TEXT: tuple[Mutator, ...] = (*ANY, insert_text, insert_text, repeat_line, repeat_letter, replace_number, replace_number)
BINARY: tuple[Mutator, ...] = (*ANY, replace_whole, replace_whole, zeros)
