"""What the fuzzer asks of a reader."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

HARMLESS = 0.06  # share of cases whose file means what the seed means, and must be read as it is


@dataclass(frozen=True)
class Case:
    """Something to read. names: one of them must stand in a refusal. expected: the digest that anything read must have.

    harmless: it must be read. how: what the reader needs to know of it. note: what was done to it.
    """

    path: Path
    names: tuple[str, ...]
    expected: str | None = None
    harmless: bool = False
    how: tuple[Any, ...] = ()
    note: str = ""


class Reader(ABC):
    """One kind of input: valid examples made by code, damage to them, and the whole way a user's file goes."""

    name: ClassVar[str]

    @abstractmethod
    def prepare(self, folder: Path) -> None:
        """Once, before any case: make the valid examples and what reading them needs, and read them all (raises when
        one is refused), so that nothing is imported under a time limit. folder: stays until all cases are done."""

    @abstractmethod
    def damage(self, random: Random, folder: Path) -> Case:
        """Write a case below an empty folder."""

    @abstractmethod
    def read(self, case: Case) -> str:
        """Go the whole way -> a digest of what came of it. Raises XmrError for what is refused, SilentError for what
        is wrong without a word; anything else is a failure."""
