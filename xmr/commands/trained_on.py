"""Which records a program was trained on: a digest of each, next to the program, so that they are known again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from xmr.core.files import write_array
from xmr.program_folder import read_facts

FILE = "trained_on.npy"
TRAIN, VALIDATION = 1, 2


def save_trained_on(folder: Path, train: list[str], validation: list[str]) -> None:
    """Write the digests of a run's records. train, validation: their inputs, as `Encoder.canonical` gives them.

    The file holds (n, 2) whole numbers: the first 64 bits of the sha256 of each input, and 1 (training) or 2.
    """
    part = np.repeat(np.array([TRAIN, VALIDATION], np.uint64), [len(train), len(validation)])
    write_array(folder / FILE, np.stack([_digests([*train, *validation]), part], axis=1))


def part_of(folder: Path, inputs: list[str]) -> np.ndarray | None:
    """For each input 1 (it was in training), 2 (in validation) or 0: (n,); None where the run does not say.

    folder: of a run, or its program folder.
    """
    path = read_facts(folder)[0].parent / FILE
    try:
        kept = np.load(path, allow_pickle=False)
        known = dict(kept.tolist()) if kept.ndim == 2 and kept.shape[1] == 2 and kept.dtype == np.uint64 else None
    except (OSError, ValueError, EOFError, SyntaxError):
        return None
    return None if known is None else np.array([known.get(digest, 0) for digest in _digests(inputs).tolist()], int)


def _digests(inputs: list[str]) -> np.ndarray:
    each = (hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8] for text in inputs)
    return np.frombuffer(b"".join(each), np.dtype("<u8")).astype(np.uint64)
