"""Single files: seeds made by code, and how they are damaged."""

from __future__ import annotations

import gzip
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from tests.fuzz.damage import BINARY, TEXT, Mutator, splice
from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.ways import WAYS, Way, Ways, recipe_of

UTF8_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Seed:
    """A valid file. data: of the recipe's data section, beside the path. ways: those that this file can go."""

    file: str
    content: bytes
    encoder: dict[str, Any]
    data: dict[str, Any] = field(default_factory=dict)
    ways: tuple[Way, ...] = WAYS
    valid: str | None = None  # the file of another seed, whose program answers this one


class FileReader(Reader):
    """Single files. Subclasses say `seeds` and perhaps `mutators` of their own."""

    text: ClassVar[bool] = True
    mutators: ClassVar[tuple[Mutator, ...]] = ()
    harmless: ClassVar[tuple[Mutator, ...]] = ()  # beside those of every text

    @abstractmethod
    def seeds(self) -> list[Seed]:
        """Tiny valid files."""

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        self.examples = self.seeds()
        self.ways: dict[str, Ways] = {}
        self.digests: dict[tuple[str, Way], str] = {}
        for seed in self.examples:
            home = folder / seed.file.replace(".", "_")
            home.mkdir()
            (home / seed.file).write_bytes(seed.content)
            if seed.valid is None:
                self.ways[seed.file] = Ways(recipe_of(home / seed.file, seed.encoder, seed.data), home)
        for seed in self.examples:
            path = folder / seed.file.replace(".", "_") / seed.file
            for way in seed.ways:
                self.digests[seed.file, way] = self.ways[seed.valid or seed.file].go(way, path)

    def damage(self, random: Random, folder: Path) -> Case:
        """One to three mutations, mostly one: what is damaged in many places is refused for the first."""
        seed = random.choice(self.examples)
        way = random.choice(seed.ways)
        content, zipped = seed.content, seed.file.endswith(".gz")
        if zipped and random.random() < 0.7:
            content = gzip.decompress(content)
        else:
            zipped = False
        name, harmless, done = seed.file, random.random() < HARMLESS, []
        if harmless:
            content, mark = self._same(random, content, seed)
            done.append(mark)
        else:
            others = [one.content for one in self.examples if one.file.split(".")[-1] == name.split(".")[-1]]
            general = (*self.general(seed), splice(others))
            special = self.special(seed)
            for _ in range(random.choice((1, 1, 1, 2, 3))):
                chosen = random.choice(special if special and random.random() < 0.5 else general)
                content = chosen(random, content)
                done.append(chosen.__name__)
        content = gzip.compress(content, mtime=0) if zipped else content
        (folder / name).write_bytes(content)
        expected = self.digests[seed.file, way] if harmless else None
        return Case(folder / name, (name,), expected, harmless, (way, seed), f"{name} {way}: {', '.join(done)}")

    def general(self, seed: Seed) -> tuple[Mutator, ...]:
        """Damage that needs no knowledge of the format."""
        return TEXT if self.text else BINARY

    def special(self, seed: Seed) -> tuple[Mutator, ...]:
        """Damage that does."""
        return self.mutators

    def _same(self, random: Random, content: bytes, seed: Seed) -> tuple[bytes, str]:
        """Another form of the same."""
        if not self.text or seed.file.endswith((".gz", ".npz", ".npy")):
            return content, "as it is"
        forms: list[Callable[[Random, bytes], bytes]] = [as_it_is, *self.harmless]
        if b'\n"' not in content and b"\r" not in content:
            forms.append(windows_lines)
        if not content.startswith(UTF8_MARK):
            forms.append(marked)
        if not seed.file.endswith(NEVER_ZIPPED):
            forms.append(zipped_in_place)
        chosen = random.choice(forms)
        return chosen(random, content), chosen.__name__

    def read(self, case: Case) -> str:
        """See `Reader`."""
        way, seed = case.how
        return self.ways[seed.valid or seed.file].go(way, case.path)


NEVER_ZIPPED = (".ts", ".npz", ".npy", ".parquet", ".arff")


def as_it_is(random: Random, data: bytes) -> bytes:
    """Nothing done."""
    return data


def windows_lines(random: Random, data: bytes) -> bytes:
    """Line breaks of Windows."""
    return data.replace(b"\n", b"\r\n")


def marked(random: Random, data: bytes) -> bytes:
    """A byte order mark at the start."""
    return UTF8_MARK + data


def zipped_in_place(random: Random, data: bytes) -> bytes:
    """Gzip under a name that does not say so: the first bytes do."""
    return gzip.compress(data, mtime=0)
