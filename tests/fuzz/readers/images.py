"""Image files of every kind that the encoder reads."""

from __future__ import annotations

import io
import struct
import zlib
from random import Random
from typing import Any, ClassVar

import numpy as np

from tests.fuzz.damage import WHOLE, Mutator
from tests.fuzz.readers.folders import FolderReader, Tree


def _chunks(data: bytes) -> list[tuple[bytes, bytes]] | None:
    """The parts of a PNG."""
    if not data.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    found, at = [], 8
    while at + 12 <= len(data):
        length = struct.unpack(">I", data[at : at + 4])[0]
        found.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    return found or None


def _png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def png_part(random: Random, data: bytes) -> bytes:
    """A PNG whose checksums are right and whose parts are not: sizes, depths, text, profiles, order."""
    chunks = _chunks(data)
    if chunks is None:
        return data
    at = random.randrange(len(chunks))
    kind, body = chunks[at]
    how = random.randrange(7)
    if how == 0 and len(chunks[0][1]) == 13:
        width, height, *rest = struct.unpack(">IIBBBBB", chunks[0][1])
        width, height = (random.choice((n, 0, 1, 7, 9400, 2**31 - 1, 2**32 - 1, 65535)) for n in (width, height))
        chunks[0] = (b"IHDR", struct.pack(">IIBBBBB", width, height, *rest))
    elif how == 1 and len(chunks[0][1]) == 13:
        head = bytearray(chunks[0][1])
        head[random.randrange(8, 13)] = random.choice((0, 1, 2, 3, 4, 6, 8, 16, 255))
        chunks[0] = (b"IHDR", bytes(head))
    elif how == 2:
        text = b"Comment\0\0" + zlib.compress(bytes(random.choice((10, 5_000_000))))
        chunks.insert(1, (random.choice((b"zTXt", b"iTXt", b"tEXt", b"iCCP")), text))
    elif how == 3:
        chunks.pop(at)
    elif how == 4:
        chunks.insert(at, (kind, body))
    elif how == 5:
        chunks.insert(
            1,
            (
                random.choice((b"acTL", b"PLTE", b"tRNS", b"eXIf", b"gAMA", b"XXXX")),
                random.randbytes(random.choice((0, 1, 3, 8, 26))),
            ),
        )
    else:
        chunks[at] = (kind, body[: random.randrange(len(body) + 1)] + random.randbytes(random.choice((0, 1, 4))))
    return _png(chunks)


def large(random: Random, data: bytes) -> bytes:
    """A few hundred kilobytes of millions of pixels, all alike."""
    if random.random() < 0.9 or _chunks(data) is None:  # costs a second
        return data
    side, (depth, per) = random.choice((3000, 9400, 20_000)), random.choice(((0, 1), (2, 3), (6, 4)))
    rows = zlib.compressobj(1)
    body = b"".join(rows.compress(bytes(side * per + 1)) for _ in range(side)) + rows.flush()
    return _png([(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, depth, 0, 0, 0)), (b"IDAT", body), (b"IEND", b"")])


def size_field(random: Random, data: bytes) -> bytes:
    """The fields of a header that say how large a picture is."""
    places = {b"BM": (18, 22), b"GI": (6, 8), b"II": (4, 18), b"MM": (4, 18), b"RI": (4, 24)}.get(data[:2])
    if data[:1] == b"P":
        numbers = random.choice(
            (b"0 0", b"-1 5", b"99999999 99999999", b"8", b"8 8 0", b"8 8 65536", b"1_0 8", "٣ 8".encode())
        )
        return data[:3] + numbers + data[6:]
    if places is None or len(data) < 30:
        at = data.find(b"\xff\xc0") + 5  # JPEG
        return data[:at] + struct.pack(">H", random.choice((0, 1, 65535))) + data[at + 2 :]
    at = random.choice(places)
    return data[:at] + struct.pack("<I", random.choice(WHOLE) & 0xFFFFFFFF) + data[at + 4 :]


class Images(FolderReader):
    """PNG, JPEG, GIF, BMP, PPM, WebP and TIFF, in many modes."""

    name = "images"
    mutators: ClassVar[tuple[Mutator, ...]] = (png_part, png_part, large, size_field)

    def trees(self) -> list[Tree]:
        """All kinds in one folder, resized; and PNG of one size, as they are."""
        from PIL import Image

        rng = np.random.default_rng(3)

        def drawn(mode: str, kind: str, **more: Any) -> bytes:
            rgb = Image.fromarray(rng.integers(0, 256, (12, 8, 3), dtype=np.uint8))
            picture = (
                Image.fromarray(rng.integers(0, 65536, (12, 8), dtype=np.uint16))
                if mode == "I;16"
                else rgb.convert(mode)
            )
            out = io.BytesIO()
            picture.save(out, kind, **more)
            return out.getvalue()

        exif = Image.Exif()
        exif[0x0112] = 6
        kinds: dict[str, tuple[str, str, dict[str, Any]]] = {
            "gray.png": ("L", "PNG", {}), "rgb.png": ("RGB", "PNG", {}), "rgba.png": ("RGBA", "PNG", {}),
            "palette.png": ("P", "PNG", {"transparency": 3}), "deep.png": ("I;16", "PNG", {}), "bit.png": ("1", "PNG",
            {}),
            "rgb.jpg": ("RGB", "JPEG", {}), "gray.jpg": ("L", "JPEG", {}), "cmyk.jpg": ("CMYK", "JPEG", {}),
            "slow.jpg": ("RGB", "JPEG", {"progressive": True}), "turned.jpg": ("RGB", "JPEG", {"exif": exif}),
            "palette.gif": ("P", "GIF", {}), "rgb.bmp": ("RGB", "BMP", {}), "rgb.ppm": ("RGB", "PPM", {}),
            "gray.ppm": ("L", "PPM", {}), "rgb.webp": ("RGB", "WEBP", {"lossless": True}), "lossy.webp": ("RGBA",
            "WEBP", {}),
            "rgb.tiff": ("RGB", "TIFF", {}), "lzw.tiff": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
            "deep.tiff": ("I;16", "TIFF", {}), "jpeg.tiff": ("RGB", "TIFF", {"compression": "jpeg"}),
        }  # fmt: skip
        mixed = {
            f"{('cat', 'Łama')[i % 2]}/{name}": drawn(mode, kind, **more)
            for i, (name, (mode, kind, more)) in enumerate(kinds.items())
        }
        own = {f"{('cat', 'dog')[i % 2]}/{i}.png": drawn("RGB", "PNG") for i in range(10)}
        return [
            Tree("mixed", mixed, {"name": "image", "size": 8}),
            Tree("padded", mixed, {"name": "image", "size": 8, "resize": "pad", "channels": 1}),
            Tree("own size", own, {"name": "image"}),
        ]
