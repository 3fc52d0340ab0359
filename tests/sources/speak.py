"""Words spoken by espeak-ng's library, which comes inside a pip package of the test extras."""

from __future__ import annotations

import ctypes

import numpy as np

RETRIEVAL, CHARACTERS, UTF8 = 1, 1, 1  # constants of speak_lib.h


def spoken(words: list[str], voice: str) -> tuple[list[np.ndarray], int]:
    """Each word as samples in [-1, 1], and the samples per second. Raises ImportError without the package."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    rate = library.espeak_Initialize(RETRIEVAL, 0, str(espeakng_loader.get_data_path()).encode(), 0)
    heard: list[np.ndarray] = []
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

    @kind
    def keep(samples, n, events):
        if n:
            heard.append(np.ctypeslib.as_array(samples, (n,)).astype(np.float32) / 32768)
        return 0

    library.espeak_SetSynthCallback(keep)
    if library.espeak_SetVoiceByName(voice.encode()):
        raise ValueError(f"espeak-ng has no voice {voice!r}")
    waves = []
    for word in words:
        heard.clear()
        text = word.encode()
        library.espeak_Synth(text, len(text) + 1, 0, CHARACTERS, 0, UTF8, None, None)
        library.espeak_Synchronize()
        waves.append(np.concatenate(heard))
    library.espeak_Terminate()
    return waves, rate
