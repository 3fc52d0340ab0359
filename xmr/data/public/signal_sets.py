"""Public sets of series and recordings: official archives to files that xmr reads, in the set's own folder."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from xmr.core.files import write_csv
from xmr.data.public.archives import ArchiveError, members
from xmr.data.public.image_sets import Files
from xmr.errors import Problem

# Of a member's path its name alone is kept, so nothing lands outside the folder.


def ucr(files: Files, folder: Path) -> None:
    """The archive's own train and test parts, NAME_TRAIN.ts and NAME_TEST.ts."""
    for archive in files.values():
        parts: set[str] = set()
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.suffix == ".ts" and path.stem.upper().endswith(("_TRAIN", "_TEST")):
                member.write(folder, path.name)
                parts.add(path.name)
        if sorted(name.upper().rpartition("_")[2] for name in parts) != ["TEST.TS", "TRAIN.TS"]:
            found = f"{len(parts)} .ts files"
            raise ArchiveError(Problem(str(archive), found, "NAME_TRAIN.ts and NAME_TEST.ts"), archive)


def fsdd(files: Files, folder: Path) -> None:
    """Spoken digits: `digit_speaker_take.wav`, all in one folder."""
    for archive in files.values():
        recordings = 0
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.suffix == ".wav" and path.parent.name == "recordings":
                member.write(folder, path.name)
                recordings += 1
        if not recordings:
            raise ArchiveError(Problem(str(archive), "no recordings/*.wav", "the official archive"), archive)


def speech_commands(files: Files, folder: Path) -> None:
    """One-second words: index.csv with path, label, set (the official lists) and group (the speaker's number)."""
    words: list[str] = []
    lists: dict[str, str] = {}
    for archive in files.values():
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.name in ("validation_list.txt", "testing_list.txt"):
                role = "validation" if path.name.startswith("val") else "test"
                lists |= dict.fromkeys(member.read().decode().split(), role)
            elif path.suffix == ".wav" and not path.parent.name.startswith("_"):
                words.append(f"{path.parent.name}/{path.name}")
                member.write(folder, words[-1])
        if not words or len(set(lists.values())) != 2 or not lists.keys() <= set(words):
            found = f"{len(words):,} words, and lists of {len(lists):,} for validation and test"
            raise ArchiveError(Problem(str(archive), found, "recordings, and both lists of some of them"), archive)
    rows = [
        [word, word.split("/")[0], lists.get(word, "train"), word.split("/")[1].split("_")[0]] for word in sorted(words)
    ]
    write_csv(folder / "index.csv", ["path", "label", "set", "group"], rows)


def esc50(files: Files, folder: Path) -> None:
    """Fifty kinds of sound in five folds: index.csv with path, label and group (the fold)."""
    for archive in files.values():
        rows: list[list[str]] = []
        recordings: set[str] = set()
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.suffix == ".wav":
                member.write(folder, path.name)
                recordings.add(path.name)
            elif path.name == "esc50.csv":
                table = csv.DictReader(member.read().decode().splitlines())
                rows = [[row["filename"], row["category"], row["fold"]] for row in table]
        if not rows or not {row[0] for row in rows} <= recordings:
            found = f"a table (meta/esc50.csv) of {len(rows):,} recordings, and {len(recordings):,} recordings"
            raise ArchiveError(Problem(str(archive), found, "the official archive"), archive)
        write_csv(folder / "index.csv", ["path", "label", "group"], rows)


SIGNAL_CONVERTERS: dict[str, Callable[[Files, Path], None]] = {
    "fsdd": fsdd,
    "speech_commands": speech_commands,
    "esc50": esc50,
}
