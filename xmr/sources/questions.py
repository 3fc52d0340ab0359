"""The questions asked of a service: how many, for what, at what price; and every answer, kept by content.

A question is one record shown to the service. Answers are committed to a database as soon as their call returns, so
that a run that is killed and resumed asks nothing twice, and repeats itself to the last bit.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import numpy as np

from xmr.core.files import writing
from xmr.errors import OutputError, Problem, QuestionBudgetError, RecipeError

FILE = "answers.sqlite"
Purpose = Literal["training", "validation", "search", "test", "baselines", "prediction"]
BUDGETED = ("training", "validation", "search")
LOOKUP = 500  # keys in a statement of SQLite
Ask = Callable[[list[int]], Iterable[tuple[list[int], np.ndarray]]]  # indices -> (indices, answers) of each call

_TABLES = (
    "answers (key BLOB PRIMARY KEY, answer BLOB, purpose TEXT, asked INTEGER)",
    "counts (name TEXT PRIMARY KEY, number INTEGER)",
    "canary (text TEXT)",
)


class Questions:
    """Counts the questions of a run and answers again what was asked before.

    limit: most questions for training, search and validation together, whether the service or a cache of other runs
    answers them, so that a run does not depend on what others asked; None: no limit. price: of a question. keep:
    whether answers are stored. Other purposes (test, baselines, predictions) are counted but not limited.
    """

    def __init__(self, limit: int | None = None, price: float = 0.0, keep: bool = True) -> None:
        self.limit, self.price, self.keep = limit, price, keep
        self.purpose: Purpose = "training"  # whoever does not say otherwise is bound by the limit
        self.prediction_limit: int | None = None  # most questions for predictions
        self.reserved = 0  # that a search leaves for the last count
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._answers = _connect(":memory:")
        self._shared: sqlite3.Connection | None = None
        self._file: Path | None = None

    def open(self, folder: Path, identity: str, canary: str) -> str:
        """Keep answers in `folder`, and in XMR_ANSWERS those of all runs that ask the same service.

        Counts continue from what the folder holds. Returns the canary (answers to fixed questions) of what is in there,
        or an empty text for a new file. Raises OutputError where it cannot be written.
        """
        self.close()
        self._file = folder / FILE
        with _opening(self._file):
            self._answers = _connect(str(self._file))
            asked = self.counts["canary"]  # before the file was open
            self.counts = Counter(dict(self._answers.execute("SELECT name, number FROM counts").fetchall()))
            self.note("canary", asked)
            held = self._answers.execute("SELECT purpose, COUNT(*) FROM answers GROUP BY purpose").fetchall()
            self.counts.update(dict(held))
            self.counts["cached"] = self._answers.execute("SELECT COUNT(*) FROM answers WHERE NOT asked").fetchone()[0]
            before = self._answers.execute("SELECT text FROM canary").fetchone()
            if before is None:
                self._answers.execute("INSERT INTO canary VALUES (?)", (canary,))
                self._answers.commit()
        if os.environ.get("XMR_ANSWERS"):
            shared = Path(os.environ["XMR_ANSWERS"]) / f"{identity[:32]}.sqlite"
            with writing(shared), _opening(shared):
                shared.parent.mkdir(parents=True, exist_ok=True)
                self._shared = _connect(str(shared))
        return "" if before is None else before[0]

    def close(self) -> None:
        """Close the files; later questions are kept in memory."""
        self._answers.close()
        if self._shared is not None:
            self._shared.close()
        self._answers, self._shared, self._file = _connect(":memory:"), None, None

    @contextmanager
    def asking(self, purpose: Purpose) -> Iterator[None]:
        """What the questions of a block are for."""
        before, self.purpose = self.purpose, purpose
        try:
            yield
        finally:
            self.purpose = before

    def plan(self, start: int, training: int, validation: int) -> None:
        """Refuse a limit that does not allow to ask every training and validation record once: `start` questions.

        As many are reserved for the last count after a search.
        """
        if self.limit is None:
            return
        if self.limit < start:
            expected = (
                f"at least {start:,}: {training:,} training and {validation:,} validation records, each asked once"
            )
            raise RecipeError(Problem("source.queries", f"{self.limit:,}", expected))
        self.reserved = start

    def used(self) -> int:
        """Questions that count against the limit."""
        return sum(self.counts[purpose] for purpose in BUDGETED)

    def take(self, number: int) -> None:
        """Count questions that will be asked now. Raises QuestionBudgetError where the limit does not allow them."""
        if self.limit is not None and self.purpose in BUDGETED:
            left = self.limit - self.used() - (self.reserved if self.purpose == "search" else 0)
            if number > left:
                raise QuestionBudgetError(
                    f"{number:,} more questions for {self.purpose}, and {max(0, left):,} of source.queries "
                    f"({self.limit:,}) are left"
                )
        most = self.prediction_limit if self.purpose == "prediction" else None
        if most is not None and self.counts["prediction"] + number > most:
            raise QuestionBudgetError(
                f"{number:,} more questions, and {max(0, most - self.counts['prediction']):,} of --queries ({most:,}) "
                "are left; predictions so far are kept: the same command with a larger --queries continues"
            )
        self.counts[self.purpose] += number

    def note(self, name: Literal["canary", "retried"], number: int) -> None:
        """Count questions whose answers are not kept: fixed ones, and those sent again. They are paid for."""
        with self._lock:
            self.counts[name] += number
            if self._file is not None and number:
                row = (name, self.counts[name])
                self._answers.execute("INSERT OR REPLACE INTO counts VALUES (?, ?)", row)
                self._answers.commit()

    def answered(self, keys: list[bytes], ask: Ask) -> np.ndarray:
        """The answers to all keys, (n, K); those that nothing knows are asked, each once, and kept call by call."""
        with self._lock:
            found = self._lookup(self._answers, keys)
            if self._shared is not None:
                there = self._lookup(self._shared, [key for key in keys if key not in found])
                self._check_and_keep(there, asked=False)
                found |= there
        first = {key: index for index, key in reversed([*enumerate(keys)]) if key not in found}
        missing = sorted(first.values())
        if missing:
            self.take(len(missing))
            open_questions = len(missing)
            try:
                for indices, answers in ask(missing):
                    got = {keys[index]: row for index, row in zip(indices, answers)}
                    with self._lock:
                        self._keep(got, asked=True)
                    found |= got
                    open_questions -= len(got)
            finally:
                self.counts[self.purpose] -= open_questions  # of calls that failed
        return np.stack([found[key] for key in keys])

    def summary(self) -> dict[str, Any]:
        """Questions by purpose, and what they cost."""
        kinds = {name: number for name, number in sorted(self.counts.items()) if number}
        asked = sum(number for name, number in self.counts.items() if name not in ("cached", "retried"))
        paid = asked - self.counts["cached"] + self.counts["retried"]
        return {"queries": kinds, "cost": round(paid * self.price, 6)}

    def said(self) -> str:
        """`summary` in one line."""
        found = self.summary()
        kinds = ", ".join(f"{number:,} {name}" for name, number in found["queries"].items())
        cost = f"; cost {found['cost']:,.2f}" if self.price else ""
        return f"questions: {kinds}{cost}"

    def _lookup(self, database: sqlite3.Connection, keys: Iterable[bytes]) -> dict[bytes, np.ndarray]:
        wanted = [*dict.fromkeys(keys)]
        found: dict[bytes, np.ndarray] = {}
        for begin in range(0, len(wanted), LOOKUP):
            part = wanted[begin : begin + LOOKUP]
            marks = ",".join("?" * len(part))
            rows = database.execute(f"SELECT key, answer FROM answers WHERE key IN ({marks})", part)
            found |= {key: np.frombuffer(answer, np.float32) for key, answer in rows}
        return found

    def _check_and_keep(self, answers: dict[bytes, np.ndarray], asked: bool) -> None:
        if answers:
            self.take(len(answers))
            self.counts["cached"] += len(answers)
            self._keep(answers, asked)

    def _keep(self, answers: dict[bytes, np.ndarray], asked: bool) -> None:
        """Commit the answers of a call. Predictions are kept among those of all runs alone: they know no end."""
        rows = [(key, answer.astype(np.float32).tobytes(), self.purpose, asked) for key, answer in answers.items()]
        homes = [self._answers] if self.purpose != "prediction" else []
        homes += [self._shared] if self._shared is not None and asked else []
        for database in homes if self.keep else ():
            database.executemany("INSERT OR IGNORE INTO answers VALUES (?, ?, ?, ?)", rows)
            database.commit()


@contextmanager
def _opening(file: Path) -> Iterator[None]:
    """Turn errors of SQLite into an OutputError."""
    try:
        yield
    except sqlite3.Error as error:
        expected = "a file of answers in a writable folder; a damaged one may be removed, and is then asked for again"
        raise OutputError(Problem(str(file), f"a file that cannot be used ({error})", expected)) from error


def _connect(place: str) -> sqlite3.Connection:
    database = sqlite3.connect(place, timeout=60, check_same_thread=False)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    for table in _TABLES:
        database.execute(f"CREATE TABLE IF NOT EXISTS {table}")
    database.commit()
    return database


def key_of(identity: str, item: bytes) -> bytes:
    """The key of a question: what is asked, and whom."""
    return hashlib.sha256(identity.encode() + b"\0" + item).digest()
