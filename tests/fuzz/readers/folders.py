"""Folders of files, one subfolder per class: damage to files, and to names."""

from __future__ import annotations

import os
import shutil
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, ClassVar

from tests.fuzz.damage import BINARY, Mutator, splice
from tests.fuzz.readers.base import HARMLESS, Case, Reader
from tests.fuzz.ways import WAYS, Way, Ways, recipe_of


@dataclass(frozen=True)
class Tree:
    """A valid folder: file names below it -> contents."""

    name: str
    files: dict[str, bytes]
    encoder: dict[str, Any]


class FolderReader(Reader):
    """Subclasses say `trees` and perhaps `mutators` of their own."""

    mutators: ClassVar[tuple[Mutator, ...]] = ()

    @abstractmethod
    def trees(self) -> list[Tree]:
        """Tiny valid folders."""

    def prepare(self, folder: Path) -> None:
        """See `Reader`."""
        self.examples = self.trees()
        self.ways: dict[str, Ways] = {}
        self.digests: dict[tuple[str, Way], str] = {}
        for tree in self.examples:
            path = folder / tree.name / "files"
            write_tree(path, tree.files)
            self.ways[tree.name] = Ways(recipe_of(path, tree.encoder, {}), folder / tree.name)
            for way in WAYS:
                self.digests[tree.name, way] = self.ways[tree.name].go(way, path)

    def damage(self, random: Random, folder: Path) -> Case:
        """One file damaged, or several; or files renamed, moved, linked, left out."""
        tree, way = random.choice(self.examples), random.choice(WAYS)
        files, done, harmless = dict(tree.files), [], random.random() < HARMLESS
        path = folder / "files"
        if not harmless and random.random() < 0.85:
            for name in random.sample(list(files), random.choice((1, 1, 1, 2, 3))):
                alike = [
                    content for other, content in tree.files.items() if other.split(".")[-1] == name.split(".")[-1]
                ]
                general = (*BINARY, splice(alike))
                for _ in range(random.choice((1, 1, 2))):
                    chosen = random.choice(self.mutators if self.mutators and random.random() < 0.5 else general)
                    files[name] = chosen(random, files[name])
                    done.append(f"{name} {chosen.__name__}")
            write_tree(path, files)
        else:
            write_tree(path, files)
            if not harmless:
                done.append(_names(random, path))
        expected = self.digests[tree.name, way] if harmless else None
        return Case(path, ("files",), expected, harmless, (way, tree.name), f"{tree.name} {way}: {', '.join(done)}")

    def read(self, case: Case) -> str:
        """See `Reader`."""
        way, tree = case.how
        return self.ways[tree].go(way, case.path)


def write_tree(path: Path, files: dict[str, bytes]) -> None:
    """Files below a folder."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def _names(random: Random, path: Path) -> str:
    """Files and folders under other names, of other kinds, in other places."""
    files = sorted(found for found in path.rglob("*") if found.is_file())
    one, other = random.choice(files), random.choice(files)
    how = random.choice((
        "suffix", "swap", "hidden", "odd name", "loose", "empty folder", "link", "dangling", "pipe", "no class", "gone",
        "surrogate", "text beside", "deep", "loop",
    ))  # fmt: skip
    if how == "suffix":
        one.rename(one.with_suffix(random.choice((".png", ".wav", ".txt", "", ".PNG", ".csv"))))
    elif how == "swap":
        content = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(content)
    elif how == "hidden":
        one.rename(one.with_name("." + one.name))
    elif how == "odd name":
        one.rename(
            one.with_name(random.choice(("a\nb", "\x1b[2J", "=1+1", "é" * 100, " ", "a,b", '"', "$x$")) + one.suffix)
        )
    elif how == "loose":
        one.rename(path / one.name)
    elif how == "empty folder":
        (path / "empty").mkdir()
    elif how == "link":
        one.unlink()
        one.symlink_to(random.choice((other, "/dev/zero", "/etc/hostname", "..", one.name)))
    elif how == "dangling":
        one.unlink()
        one.symlink_to("nowhere")
    elif how == "pipe":
        one.unlink()
        os.mkfifo(one)
    elif how == "no class":
        for found in files:
            found.rename(path / f"{found.parent.name}-{found.name}")
    elif how == "gone":
        for found in random.sample(files, random.randint(1, len(files))):
            found.unlink()
    elif how == "surrogate":
        os.rename(one, os.fsencode(one.parent) + b"/\xe9\xff" + os.fsencode(one.suffix))
    elif how == "text beside":
        (one.parent / "Thumbs.db").write_text("no such thing")
    elif how == "deep":
        (one.parent / "a" / "b").mkdir(parents=True)
        shutil.move(str(one), one.parent / "a" / "b" / one.name)
    else:
        (one.parent / "again").symlink_to(path)
    return how
