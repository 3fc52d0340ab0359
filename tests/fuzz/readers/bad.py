"""A reader that fails in every way there is, to see that the fuzzer sees it."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path
from random import Random

from tests.fuzz.readers.base import Case, Reader
from xmr.errors import DataError, Problem

WAYS = (
    "KeyError", "hang", "hang in C", "memory", "taken for an error", "another result", "dies", "no name",
    "control bytes",
    "too long", "no place", "refuses a sound file", "read", "refused",
)  # fmt: skip


class Bad(Reader):
    """Case n fails in the n-th way."""

    name = "bad"

    def prepare(self, folder: Path) -> None:
        """Nothing to prepare."""
        self.number = 0

    def damage(self, random: Random, folder: Path) -> Case:
        """The way is drawn."""
        path = folder / "x.csv"
        way = random.choice(WAYS)
        path.write_text(way)
        return Case(path, (path.name,), "right", way == "refuses a sound file", (), way)

    def read(self, case: Case) -> str:
        """Fail as asked."""
        way = case.path.read_text()
        if way == "KeyError":
            raise KeyError("nothing")
        if way == "hang":
            while True:
                time.sleep(0.01)
        if way == "hang in C":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            ctypes.PyDLL(None).sleep(600)  # holds the interpreter's lock
        if way == "memory":
            bytearray(4 * 2**30)
        if way == "taken for an error":
            try:
                bytearray(4 * 2**30)
            except MemoryError as error:
                raise DataError(Problem(str(case.path), "something", "something else")) from error
        if way == "dies":
            os.abort()
        if way == "no name":
            raise DataError(Problem("a file", "something", "something else"))
        if way == "control bytes":
            raise DataError("x.csv: found \x1b[2J; expected something else")
        if way == "too long":
            raise DataError("\n".join([f"x.csv:{n}: found something; expected something else" for n in range(40)]))
        if way == "no place":
            raise DataError("x.csv is wrong")
        if way in ("refused", "refuses a sound file"):
            raise DataError(Problem("x.csv:1", "something", "something else"))
        return "right" if way == "read" else "wrong"
