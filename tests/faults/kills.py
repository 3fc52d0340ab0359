"""Kills at steps in the file system: in a fork, then another fork goes on, then the results are compared."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.commands import COMMANDS, Command
from tests.faults.steps import KILLED, Steps, counted

PATIENCE = 180  # seconds of one command


@dataclass(frozen=True)
class Kill:
    """One case. step: what the process died at; again: at which step it died once more while going on; wrong: what."""

    command: str
    number: int
    step: str
    after: bool
    again: str
    wrong: str

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def forked(do: Callable[[], int], log: Path) -> int:
    """The exit status of a fork that does it; 137 where it was killed, also for want of time. log: what it said."""
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if not pid:
        status = 3
        try:
            with log.open("ab", buffering=0) as handle:
                os.dup2(handle.fileno(), 1)
                os.dup2(handle.fileno(), 2)
            status = do()
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(status)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return -signal.SIGKILL


class Trial:
    """A command, its undisturbed result and its steps."""

    def __init__(self, kind: Callable[[Path], Command], home: Path) -> None:
        with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
            self.command = kind(home)
        self.log = home / "log.txt"
        self._warm()
        self.steps = self._undisturbed(home)
        self.command.begin()
        status = forked(lambda: self.command.go(False), self.log)
        assert status == 0, self.log.read_text()[-3000:]
        assert self.command.result() == self.expected, "the undisturbed command does not repeat itself"

    def _warm(self) -> None:
        """Once in this process, so that no fork imports anything; what it says is not shown."""
        self.command.begin()
        with self.log.open("w") as log, redirect_stdout(log), redirect_stderr(log):
            status = self.command.go(False)
        assert status == 0, self.log.read_text()[-3000:]
        gc.collect()
        gc.freeze()  # a collection in a fork would look through all that is loaded, and copy it

    def _undisturbed(self, home: Path) -> list[str]:
        listed = home / "steps.txt"

        def do() -> int:
            with counted(Steps(self.command.out)) as steps:
                status = self.command.go(False)
            listed.write_text("\n".join(steps.seen))
            return status

        self.command.begin()
        status = forked(do, self.log)
        assert status == 0, self.log.read_text()[-3000:]
        self.expected = self.command.result()
        return listed.read_text().split("\n")

    def kill(self, number: int, after: bool, twice: int | None) -> Kill:
        """Die at a step, perhaps at another one while going on, then go on to the end."""

        def dying(at: int, again: bool, late: bool) -> int:
            def do() -> int:
                with counted(Steps(self.command.out, at, late)):
                    return self.command.go(again)

            return forked(do, self.log)

        self.log.unlink(missing_ok=True)
        self.command.begin()
        wrong = ""
        first = dying(number, False, after)
        if first != KILLED:
            wrong = f"ended with {first} instead of dying"
        if twice is not None and not wrong and dying(twice, True, not after) not in (KILLED, 0):
            wrong = "failed while going on"
        if not wrong and (status := forked(lambda: self.command.go(True), self.log)) != 0:
            wrong = f"status {status} when going on"
        if wrong:
            wrong += f": {self.log.read_text()[-600:] if self.log.is_file() else ''}"
        else:
            wrong = self._differs()
        again = "" if twice is None else f"step {twice}"
        return Kill(self.command.name, number, self.steps[number - 1], after, again, wrong)

    def _differs(self) -> str:
        try:
            found = self.command.result()
        except (AssertionError, OSError, ValueError) as error:
            return f"{type(error).__name__}: {error}"
        return "" if found == self.expected else f"another result: {found} for {self.expected}"


def kills(home: Path, wanted: int, seed: int = 0, only: list[str] | None = None) -> tuple[list[Kill], dict[str, int]]:
    """So many kills over all commands, spread evenly over their steps -> the cases, and the steps of each command."""
    random = Random(seed)
    chosen = [kind for kind in COMMANDS if not only or kind.name in only]  # type: ignore[attr-defined]
    made: list[Kill] = []
    counts: dict[str, int] = {}
    for place, kind in enumerate(chosen):
        trial = Trial(kind, home / str(place))
        total = len(trial.steps)
        counts[trial.command.name] = total
        share = wanted // len(chosen) + (place < wanted % len(chosen))
        every = [(number, after) for number in range(1, total + 1) for after in (False, True)]
        begin = random.random()
        for i in range(share):
            number, after = every[int((i + begin) * len(every) / share) % len(every)]
            twice = random.randint(1, total) if i % 2 else None
            made.append(trial.kill(number, after, twice))
    return made, counts
