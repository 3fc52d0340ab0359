"""Spoken digits of a speech synthesizer that comes inside a pip package: audio clips that need no network."""

from __future__ import annotations

import ctypes
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from xmr.data.public.dataset import Files
from xmr.errors import require

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ACCENTS = ("en-us", "en", "en-gb-scotland", "en-029")
VOICES = ("m1", "m3", "m5", "m7", "f1", "f4")  # those that are synthesized without noise
WORDS_PER_MINUTE = (140, 200)

# Constants of espeak-ng's speak_lib.h.
_SYNCHRONOUS, _CHARACTERS, _UTF8, _RATE = 2, 1, 1, 1


def espeak_digits(files: Files, folder: Path) -> None:
    """Write `digit_voice_take.wav`: each digit by six voices in four accents at two speeds.

    Raises MissingExtraError without the package espeakng-loader.
    """
    del files
    takes = [(accent, speed) for accent in ACCENTS for speed in WORDS_PER_MINUTE]
    with Synthesizer() as synthesizer:
        for voice in VOICES:
            for take, (accent, speed) in enumerate(takes):
                for digit, clip in enumerate(synthesizer.speak(DIGITS, f"{accent}+{voice}", speed)):
                    with wave.open(str(folder / f"{digit}_{voice}_{take}.wav"), "wb") as file:
                        file.setnchannels(1)
                        file.setsampwidth(2)
                        file.setframerate(synthesizer.rate)
                        file.writeframes((clip * 32767).astype("<i2").tobytes())


class Synthesizer:
    """espeak-ng's library, as a context. One at a time: its state is the process's.

    rate: samples per second. Raises MissingExtraError without the package espeakng-loader.
    """

    def __enter__(self) -> Self:
        loader: Any = require("espeakng_loader", "demo", "speech synthesis")
        self._library = ctypes.CDLL(loader.get_library_path())
        self.rate = int(self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(loader.get_data_path()).encode(), 0))
        self._samples: list[np.ndarray] = []
        signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = signature(self._keep)  # the library keeps no reference to it
        self._library.espeak_SetSynthCallback(self._callback)
        return self

    def __exit__(self, *_: object) -> None:
        self._library.espeak_Terminate()

    def _keep(self, values: Any, n: int, events: Any) -> int:
        if n:
            self._samples.append(np.ctypeslib.as_array(values, (n,)).astype(np.float32) / 32768)
        return 0

    def speak(self, words: Sequence[str], voice: str, words_per_minute: int = 175) -> list[np.ndarray]:
        """Each word as samples in [-1, 1]. voice: an accent and a variant, e.g. "en-us+f1". Raises ValueError."""
        if self._library.espeak_SetVoiceByName(voice.encode()):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        clips = []
        for word in words:
            self._samples.clear()
            text = word.encode()
            self._library.espeak_Synth(text, len(text) + 1, 0, _CHARACTERS, 0, _UTF8, None, None)
            clips.append(np.concatenate(self._samples))
        return clips
