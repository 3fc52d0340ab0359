"""Public sets of audio clips: official archives to files that xmr reads, in the set's own folder."""

from __future__ import annotations

import csv
from pathlib import Path, PurePosixPath

from xmr.core.files import write_csv
from xmr.data.public.archives import ArchiveError, members
from xmr.data.public.dataset import Dataset, Files
from xmr.data.public.espeak import espeak_digits
from xmr.errors import Problem

# Of a member's path its name alone is kept, so nothing lands outside the folder.


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
            raise ArchiveError(Problem(str(archive), found, "audio files, and both lists of some of them"), archive)
    rows = [
        [word, word.split("/")[0], lists.get(word, "train"), word.split("/")[1].split("_")[0]] for word in sorted(words)
    ]
    write_csv(folder / "index.csv", ["path", "label", "set", "group"], rows)


def lt_commands(files: Files, folder: Path) -> None:
    """Words of Lithuanian: `word/speaker_nohash_take.wav`, without the folders that hold no word."""
    for archive in files.values():
        words = 0
        for member in members(archive):
            path = PurePosixPath(member.name)
            if path.suffix == ".wav" and path.parent.parent.name == "dataset" and not path.parent.name.startswith("_"):
                member.write(folder, f"{path.parent.name}/{path.name}")
                words += 1
        if not words:
            raise ArchiveError(Problem(str(archive), "no dataset/WORD/*.wav", "the official archive"), archive)


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
            found = f"a table (meta/esc50.csv) of {len(rows):,} clips, and {len(recordings):,} clips"
            raise ArchiveError(Problem(str(archive), found, "the official archive"), archive)
        write_csv(folder / "index.csv", ["path", "label", "group"], rows)


_COMMANDS = "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
_LITHUANIAN = "https://github.com/kolesov93/lt_speech_commands/archive"
SETS = (
    Dataset(
        name="fsdd",
        domain="audio",
        summary="spoken digits, 4 to 6 speakers, 8 kHz",
        task="classification, 10 classes",
        licence="CC BY-SA 4.0",
        cite="Jackson et al., github.com/Jakobovski/free-spoken-digit-dataset",
        main="audio/fsdd",
        size="about 12 MB",
        columns={"pattern": "{label}_{group}_{take}"},
        archives={"https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip": ""},
        convert=fsdd,
    ),
    Dataset(
        name="speech_commands",
        domain="audio",
        summary="35 spoken words of a second, 16 kHz, 105,829 clips",
        task="classification, 35 classes",
        licence="CC BY 4.0",
        cite="Warden 2018, arXiv 1804.03209",
        main="audio/speech_commands/index.csv",
        size="2.4 GB",
        columns={"input": "path", "target": "label", "set": "set", "group": "group"},
        archives={_COMMANDS: "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"},
        convert=speech_commands,
    ),
    Dataset(
        name="lt_commands",
        domain="audio",
        summary="20 spoken words of Lithuanian, 14 to 28 clips of a second each, 30 speakers",
        task="classification, 20 classes",
        licence="none stated; for your own use",
        cite="Kolesau and Sesok, github.com/kolesov93/lt_speech_commands",
        main="audio/lt_commands",
        size="66 MB",
        columns={"pattern": "{label}/{group}_nohash_{take}"},
        archives={f"{_LITHUANIAN}/19ab7098e9211bec6e71b0359165172a66117047.zip": ""},
        convert=lt_commands,
    ),
    Dataset(
        name="esc50",
        domain="audio",
        summary="50 kinds of environmental sound, 2,000 clips of 5 seconds, five folds",
        task="classification, 50 classes",
        licence="CC BY-NC 3.0",
        cite="Piczak 2015, github.com/karolpiczak/ESC-50",
        main="audio/esc50/index.csv",
        size="about 600 MB",
        columns={"input": "path", "target": "label", "group": "group"},
        archives={"https://github.com/karolpiczak/ESC-50/archive/master.zip": ""},
        convert=esc50,
    ),
    Dataset(
        name="espeak_digits",
        domain="audio",
        summary="spoken digits of the speech synthesizer espeak-ng, 6 voices in 4 accents, 480 clips",
        task="classification, 10 classes",
        licence="CC0 1.0 (the synthesizer is GPL-3.0)",
        cite="espeak-ng, github.com/espeak-ng/espeak-ng",
        main="audio/espeak_digits",
        size="generated",
        columns={"pattern": "{label}_{group}_{take}"},
        convert=espeak_digits,
    ),
)
