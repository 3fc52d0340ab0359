"""Folders that xmr writes into: only new, empty or marked ones, and one process at a time.

The mark is a hidden file. The lock is a hidden file too; the system releases it when its process ends, also after a
crash.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from xmr import __version__
from xmr.core.files import sweep, write_json, writing
from xmr.errors import OutputError, Problem

MARK = ".xmr.json"
LOCK = ".xmr.lock"
# Files of comparisons, sweeps and repeated seeds; those of a run are in `run_folder.py`.
TABLES: tuple[str, ...] = (
    *("compare.csv", "compare.json", "compare.html", "sweep.csv", "sweep.json", "sweep.svg"),
    *(
        "summary.json",
        "predictions.csv",
        "report.html",
        "recipe.yaml",
        "left_out.json",
        "study.json",
        "study.md",
        "study.html",
    ),
    *("auto.json", "auto.md", "predictor.json", "training.json", "training.npy"),
)
_ELSEWHERE = "a new or empty folder, or one that xmr wrote (-o FOLDER)"


class InUseError(OutputError):
    """Another process writes there."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Create the folder, mark it as xmr's and lock it against other xmr processes while the block runs.

    A folder that did not exist and stays empty, or in which the block fails before it writes, is removed again.

    Raises OutputError if it is not a folder, contains files that xmr did not write, is in use, or cannot be written.
    """
    check_folder(folder)
    with writing(folder):
        new = [place for place in (folder, *folder.parents) if not place.exists()]
        new = new or [folder] * any(folder.iterdir())  # of a crash: the lock, the mark
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with _marked(folder):
            yield
    finally:
        with suppress(OSError):  # not empty
            for place in new:
                place.rmdir()


@contextmanager
def _marked(folder: Path) -> Iterator[None]:
    with locked(folder / LOCK, folder):
        check_folder(folder)  # again: another process may have come first
        for name in (MARK, *TABLES):
            sweep(folder / name)
        if not (folder / MARK).is_file():
            write_json(folder / MARK, {"written_by": "xmr", "xmr_version": __version__})
        try:
            yield
        finally:
            if {entry.name for entry in folder.iterdir()} <= {MARK, LOCK}:  # it stayed empty
                (folder / MARK).unlink(missing_ok=True)


@contextmanager
def locked(path: Path, what: Path) -> Iterator[None]:
    """Hold a lock file, which is removed at the end. Raises InUseError if another process holds it.

    what: the folder or file that is locked, for the message.
    """
    lock = FileLock(path, timeout=0)
    with writing(what):
        try:
            lock.acquire()
        except Timeout:
            expected = "one writer at a time: wait, or choose another folder (-o)"
            raise InUseError(Problem(str(what), "that another xmr process is writing it", expected)) from None
    try:
        yield
    finally:
        with suppress(OSError):
            path.unlink(missing_ok=True)  # while it is held, so that a waiting process tries again
        lock.release()


def check_name(path: Path) -> None:
    """Raises OutputError for an impossible path: too long, below a file, or not UTF-8 (required by safetensors)."""
    try:
        str(path).encode("utf-8")
        os.stat(path)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise OutputError(Problem(str(path), f"a path that cannot be used ({reason})", "another one (-o)")) from error


def check_folder(folder: Path) -> None:
    """Raises OutputError unless it is a folder with only xmr's own files."""
    check_name(folder)
    if folder.exists() and not folder.is_dir():
        raise OutputError(Problem(str(folder), "a file", _ELSEWHERE))
    if not folder.is_dir() or is_marked(folder):
        return
    with writing(folder):
        others = sorted(entry.name for entry in folder.iterdir() if not _ours(entry))
    if others:
        more = f" and {len(others) - 3} more" if len(others) > 3 else ""
        found = f"a folder with files that xmr did not write ({', '.join(others[:3])}{more})"
        raise OutputError(Problem(str(folder), found, _ELSEWHERE))


def _ours(entry: Path) -> bool:
    """Whether it is the lock, an unfinished mark, or a folder with a mark."""
    return entry.name == LOCK or (entry.name.startswith(f".{MARK}.") and entry.suffix == ".part") or is_marked(entry)


def is_marked(folder: Path) -> bool:
    """Whether xmr wrote the folder: by its mark, or the metrics.json of version 0.1, which had no mark."""
    if (folder / MARK).is_file():
        return True
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(metrics, dict) and {"source_unchanged", "program_bytes", "seed"} <= set(metrics)
