"""Audio files of the kinds that libsndfile reads."""

from __future__ import annotations

import io
import struct
from random import Random
from typing import Any, ClassVar

import numpy as np

from tests.fuzz.damage import WHOLE, Mutator
from tests.fuzz.readers.folders import FolderReader, Tree

RATES = (0, 1, 7, 100, 8000, 11_025, 22_255, 44_099, 44_100, 48_000, 96_000, 384_000, 2**31 - 1, 2**32 - 1)


def wav_field(random: Random, data: bytes) -> bytes:
    """Rate, channels, bits, block size, format or a size in the header of a WAV."""
    if not data.startswith(b"RIFF") or len(data) < 44:
        return data
    at, kind, values = random.choice((
        (24, "<I", RATES), (24, "<I", RATES), (22, "<H", (0, 1, 2, 3, 255, 65535)), (34, "<H", (0, 1, 8, 12, 24, 32,
        64, 65535)),
        (32, "<H", (0, 1, 3, 65535)), (20, "<H", (0, 1, 2, 3, 6, 7, 17, 85, 65534)), (4, "<I", WHOLE), (16, "<I",
        WHOLE), (40, "<I", WHOLE),
    ))  # fmt: skip
    return (
        data[:at]
        + struct.pack(kind, random.choice(values) & (256 ** struct.calcsize(kind) - 1))
        + data[at + struct.calcsize(kind) :]
    )


def flac_field(random: Random, data: bytes) -> bytes:
    """The first block of a FLAC: total samples unknown or huge, another rate."""
    if not data.startswith(b"fLaC") or len(data) < 42:
        return data
    held = int.from_bytes(data[18:26], "big")  # rate 20 bits, channels 3, bits 5, samples 36
    if random.random() < 0.5:
        held = held & ~(2**36 - 1) | random.choice((0, 1, 10, 2**36 - 1, 2**35))
    else:
        held = held & (2**44 - 1) | (random.choice((1, 22_255, 44_099, 655_350, 96_000)) << 44)
    return data[:18] + held.to_bytes(8, "big") + data[26:]


def samples(random: Random, data: bytes) -> bytes:
    """A well-formed WAV of floats: nothing, infinities, gaps, silence, very loud."""
    import soundfile

    value = random.choice((np.nan, np.inf, -np.inf, 0.0, 1e38, 1e-40, 1.0))
    held = np.full(random.choice((0, 1, 10, 16, 100, 2000)), value, np.float32)
    if random.random() < 0.5 and len(held):
        held[: len(held) // 2] = 0.1
    out = io.BytesIO()
    soundfile.write(out, held, random.choice((8000, 4000, 16_000, 22_255)), "FLOAT", format="WAV")
    return out.getvalue()


class Audio(FolderReader):
    """WAV, FLAC, OGG, MP3, AIFF."""

    name = "audio"
    mutators: ClassVar[tuple[Mutator, ...]] = (wav_field, wav_field, flac_field, samples)

    def trees(self) -> list[Tree]:
        """Cut, in windows, and trimmed."""
        import soundfile

        rng = np.random.default_rng(4)

        def tone(kind: str, subtype: str | None, rate: int = 4000, channels: int = 1, length: int = 900) -> bytes:
            clock = np.arange(length)[:, None] / rate
            wave = 0.4 * np.sin(6.3 * (300 + 400 * rng.random()) * clock) + 0.02 * rng.standard_normal(
                (length, channels)
            )
            out = io.BytesIO()
            soundfile.write(out, wave.clip(-1, 1), rate, subtype, format=kind)
            return out.getvalue()

        kinds: list[tuple[str, tuple[Any, ...]]] = [
            ("a.wav", ("WAV", "PCM_16")), ("b.wav", ("WAV", "FLOAT", 8000, 2)), ("c.wav", ("WAV", "PCM_24", 8000)),
            ("d.wav", ("WAV", "ULAW")), ("e.wav", ("WAV", "PCM_U8", 4000, 1, 300)), ("f.wav", ("WAV", "DOUBLE")),
            ("g.flac", ("FLAC", "PCM_16")), ("h.flac", ("FLAC", "PCM_24", 8000, 2)), ("i.ogg", ("OGG", "VORBIS", 8000)),
            ("j.ogg", ("OGG", "OPUS", 8000)), ("k.mp3", ("MP3", None, 8000)), ("l.aiff", ("AIFF", "PCM_16")),
        ]  # fmt: skip
        files = {f"{('dog', 'Łoś')[i % 2]}/{name}": tone(*how) for i, (name, how) in enumerate(kinds)}
        encoder = {"name": "audio", "seconds": 0.05, "rate": 4000}
        return [
            Tree("cut", files, encoder),
            Tree("windows", files, {**encoder, "length": "window"}),
            Tree("trimmed", files, {**encoder, "trim_silence": True, "normalize": "rms", "align": "start"}),
        ]
