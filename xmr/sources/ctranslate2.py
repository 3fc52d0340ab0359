"""Reads weights in CTranslate2's format (`model.bin`, versions 4 to 6), as data: names, shapes, bytes, nothing else."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from xmr.errors import Problem, RecipeError

# Type codes of the format that hold floating-point numbers.
_TYPES: dict[int, np.dtype[np.floating]] = {0: np.dtype("<f4"), 4: np.dtype("<f2")}


def read_ctranslate2(path: Path) -> dict[str, Tensor]:
    """Variable name -> single-precision tensor. Raises RecipeError for a file that is cut off or of another format."""
    try:
        return _Reader(path.read_bytes()).variables()
    except (struct.error, ValueError, KeyError, UnicodeDecodeError) as error:
        raise RecipeError(
            Problem("source", f"{path}: {error}", "a model.bin of CTranslate2 in 16 or 32 bits")
        ) from error


class _Reader:
    """A position in the bytes. Layout: version, specification, revision, count; then count variables."""

    def __init__(self, raw: bytes) -> None:
        self.raw, self.at = raw, 0

    def variables(self) -> dict[str, Tensor]:
        """Name -> tensor. Raises ValueError for another version of the format."""
        version = self._number("I")
        if not 4 <= version <= 6:
            raise ValueError(f"version {version}")
        self._text()  # the name of the specification
        self._number("I")  # its revision
        return dict(self._variable() for _ in range(self._number("I")))

    def _variable(self) -> tuple[str, Tensor]:
        name = self._text()
        shape = [self._number("I") for _ in range(self._number("B"))]
        kind = _TYPES.get(self._number("B"))
        size = self._number("I")
        stop = self.at + size
        if stop > len(self.raw):
            raise ValueError(f"{name} is cut off")
        if kind is None:  # options such as the number of heads, as small integers
            values = torch.empty(0)
        else:
            array = np.frombuffer(self.raw, kind, count=size // kind.itemsize, offset=self.at)
            values = torch.from_numpy(array.astype(np.float32).reshape(shape))
        self.at = stop
        return name, values

    def _number(self, code: str) -> int:
        (number,) = struct.unpack_from(f"<{code}", self.raw, self.at)
        self.at += struct.calcsize(f"<{code}")
        return int(number)

    def _text(self) -> str:
        length = self._number("H")
        text = self.raw[self.at : self.at + length].rstrip(b"\0").decode()
        self.at += length
        return text
