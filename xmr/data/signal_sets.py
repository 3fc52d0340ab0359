"""Public sets of series and recordings: official archives to files that xmr reads, below the set's own folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from xmr.data.picture_sets import Files, members
from xmr.errors import DataError, Problem
from xmr.files import replacing, write_csv


def _keep(place: Path, content: bytes) -> None:
    """Write a member unless it is there; its name alone counts, so nothing lands outside the folder."""
    if not place.is_file():
        with replacing(place) as temporary:
            temporary.write_bytes(content)


def ucr(files: Files, folder: Path) -> None:
    """The archive's own train and test parts, NAME_TRAIN.ts and NAME_TEST.ts. `folder` is the set's folder's parent."""
    for archive in files.values():
        target, parts = folder / archive.stem, 0
        for name, read in members(archive):
            path = PurePosixPath(name)
            if path.suffix == ".ts" and path.stem.upper().endswith(("_TRAIN", "_TEST")):
                _keep(target / path.name, read())
                parts += 1
        if parts != 2:
            raise DataError(Problem(str(archive), f"{parts} .ts files", "NAME_TRAIN.ts and NAME_TEST.ts"))


def fsdd(files: Files, folder: Path) -> None:
    """Spoken digits: `digit_speaker_take.wav`, all in one folder."""
    for archive in files.values():
        for name, read in members(archive):
            path = PurePosixPath(name)
            if path.suffix == ".wav" and path.parent.name == "recordings":
                _keep(folder / "fsdd" / path.name, read())


def speech_commands(files: Files, folder: Path) -> None:
    """One-second words: index.csv with path, label, set (the official lists) and group (the speaker's number)."""
    words: list[str] = []
    lists: dict[str, str] = {}
    for archive in files.values():
        for name, read in members(archive):
            path = PurePosixPath(name)
            if path.name in ("validation_list.txt", "testing_list.txt"):
                role = "validation" if path.name.startswith("val") else "test"
                lists |= dict.fromkeys(read().decode().split(), role)
            elif path.suffix == ".wav" and not path.parent.name.startswith("_"):
                words.append(f"{path.parent.name}/{path.name}")
                _keep(folder / path.parent.name / path.name, read())
    rows = [
        [word, word.split("/")[0], lists.get(word, "train"), word.split("/")[1].split("_")[0]] for word in sorted(words)
    ]
    write_csv(folder / "index.csv", ["path", "label", "set", "group"], rows)


def esc50(files: Files, folder: Path) -> None:
    """Fifty kinds of sound in five folds: index.csv with path, label and group (the fold)."""
    rows: list[list[str]] = []
    for archive in files.values():
        for name, read in members(archive):
            path = PurePosixPath(name)
            if path.suffix == ".wav":
                _keep(folder / path.name, read())
            elif path.name == "esc50.csv":
                table = csv.DictReader(read().decode().splitlines())
                rows = [[row["filename"], row["category"], row["fold"]] for row in table]
    if not rows:
        raise DataError(Problem(str(folder), "no meta/esc50.csv in the archive", "the official archive"))
    write_csv(folder / "index.csv", ["path", "label", "group"], rows)


SIGNAL_CONVERTERS: dict[str, Callable[[Files, Path], None]] = {
    "fsdd": fsdd,
    "speech_commands": speech_commands,
    "esc50": esc50,
}
