"""Cases in forked processes: a time limit in Python, a watchdog for what hangs in C, a limit of memory, deaths noted.

The parent imports and prepares everything once. A worker is a fork of it that runs a block of cases and ends; one that
hangs, runs out of memory or dies takes no other case with it: the rest of its block goes to the next worker, and the
case itself is tried once more, alone, before it counts (the machine may have been busy).
"""

from __future__ import annotations

import contextlib
import faulthandler
import gc
import json
import os
import re
import resource
import selectors
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from tests.fuzz.outcome import FAILURE, READ, ROOT, Outcome, SilentError, TimeUpError, judge

if TYPE_CHECKING:
    from tests.fuzz.readers.base import Reader

BLOCK = 200  # cases a worker; few enough that what readers keep in memory stays small
_FRAME = re.compile(rf'File "{re.escape(str(ROOT))}/(xmr/[^"]+)", line (\d+)')


@dataclass(frozen=True)
class Limits:
    """Of one case: seconds, and bytes beyond what the process holds at its start."""

    seconds: float = 10.0
    memory: int = 3 * 2**30


def fast_folder() -> str | None:
    """Where files cost nothing."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def random_of(seed: int, reader: str, case: int) -> Random:
    """The source of all choices of a case, whatever ran before it."""
    return Random(f"{seed}:{reader}:{case}")


def one_case(reader: Reader, seed: int, case: int, limits: Limits) -> Outcome:
    """Damage, read, judge. Raises nothing of what the reader raises."""
    with tempfile.TemporaryDirectory(dir=fast_folder(), prefix="xmr-fuzz-") as name:
        folder = Path(name)
        made = reader.damage(random_of(seed, reader.name, case), folder)
        started = time.perf_counter()
        try:
            with _timer(limits.seconds):
                found = reader.read(made)
                if made.expected is not None and found != made.expected:
                    raise SilentError("another result", made.note)
            outcome = Outcome(case, READ, seconds=time.perf_counter() - started, note=made.note)
        except (Exception, TimeUpError) as error:
            outcome = judge(case, error, made.names, time.perf_counter() - started, made.note)
            if made.harmless and outcome.kind != FAILURE:
                outcome = replace(outcome, kind=FAILURE, cause="a sound file is refused")
        return outcome


def _no_fifo(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if not os.path.islink(p := os.path.join(folder, name)) and not _plain(p)]


def _plain(path: str) -> bool:
    return os.path.isfile(path) or os.path.isdir(path)


@contextlib.contextmanager
def _timer(seconds: float) -> Iterator[None]:
    def stop(number: int, frame: Any) -> None:
        raise TimeUpError(f"more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)  # again each second: leaving a thread pool waits for its threads
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_cases(
    reader: Reader,
    seed: int,
    cases: list[int],
    jobs: int = 2,
    limits: Limits | None = None,
    keep: Path | None = None,
    done: Callable[[int], None] = lambda n: None,
) -> tuple[list[Outcome], int]:
    """Every case's outcome, in order of their numbers, and how many failed at first and not when tried alone.

    reader: prepared. keep: failing inputs are copied below it.
    """
    limits = limits or Limits()
    gc.collect()
    gc.freeze()  # what is loaded stays: a collection in a worker would look through it, and copy it
    pool = _Pool(reader, seed, limits)
    found: dict[int, Outcome] = {}
    blocks = [cases[i : i + BLOCK] for i in range(0, len(cases), BLOCK)]
    again: set[int] = set()
    passed = 0
    confirmed: set[tuple[str, str]] = set()
    while blocks or pool.running:
        while blocks and len(pool.running) < jobs:
            pool.start(blocks.pop())
        for outcome, rest in pool.wait():
            if outcome is not None:
                doubtful = outcome.kind == FAILURE and outcome.cause.startswith(("hang", "memory", "died"))
                if doubtful and outcome.case not in again and (outcome.cause, outcome.line) not in confirmed:
                    again.add(outcome.case)
                    blocks.append([outcome.case])
                else:
                    if outcome.case in again:
                        passed += not doubtful
                        if doubtful:
                            confirmed.add((outcome.cause, outcome.line))
                    found[outcome.case] = outcome
                    if keep is not None and outcome.kind == FAILURE:
                        keep_failure(reader, seed, outcome, keep)
                    done(len(found))
            if rest:
                blocks.append(rest)
    return [found[case] for case in sorted(found)], passed


class _Pool:
    """The workers that run now."""

    def __init__(self, reader: Reader, seed: int, limits: Limits) -> None:
        self.reader, self.seed, self.limits = reader, seed, limits
        self.running: dict[int, _Worker] = {}
        self.selector = selectors.DefaultSelector()

    def start(self, block: list[int]) -> None:
        """Fork a worker for a block of cases."""
        receive, send = os.pipe()
        trace = tempfile.TemporaryFile(dir=fast_folder())  # noqa: SIM115  (closed with its worker)
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if not pid:
            try:
                os.close(receive)
                _work(self.reader, self.seed, block, self.limits, send, trace)
            except BaseException:  # of the fuzzer itself: the parent tells it with the case
                trace.write(traceback.format_exc().encode())
                trace.flush()
            finally:
                os._exit(0)
        os.close(send)
        self.running[receive] = _Worker(pid, block, trace)
        self.selector.register(receive, selectors.EVENT_READ)

    def wait(self) -> list[tuple[Outcome | None, list[int]]]:
        """What came in: outcomes, and the rest of the block of a worker that is gone."""
        result: list[tuple[Outcome | None, list[int]]] = []
        for key, _ in self.selector.select(timeout=0.5):
            worker = self.running[key.fd]
            text = os.read(key.fd, 1 << 20)
            result += [(outcome, []) for outcome in worker.take(text)]
            if not text:
                result += self._gone(key.fd)
        for descriptor, worker in list(self.running.items()):
            if worker.case is not None and time.monotonic() - worker.since > self.limits.seconds + 20:
                os.kill(worker.pid, signal.SIGKILL)  # the watchdog within did not bite
                worker.killed = True
                result += self._gone(descriptor)
        return result

    def _gone(self, descriptor: int) -> list[tuple[Outcome | None, list[int]]]:
        self.selector.unregister(descriptor)
        os.close(descriptor)
        worker = self.running.pop(descriptor)
        _, status = os.waitpid(worker.pid, 0)
        return [(worker.end(status, self.limits), worker.left)]


class _Worker:
    """What the parent knows of one."""

    def __init__(self, pid: int, block: list[int], trace: Any) -> None:
        self.pid, self.left, self.trace = pid, list(block), trace
        self.case: int | None = None
        self.since = time.monotonic()
        self.killed = False
        self.begun = b""

    def take(self, text: bytes) -> list[Outcome]:
        """Lines of the worker: the number of a case that begins, or the outcome of it."""
        *lines, self.begun = (self.begun + text).split(b"\n")
        result = []
        for line in lines:
            said = json.loads(line)
            if isinstance(said, int):
                self.case, self.since = said, time.monotonic()
                self.left.remove(said)
            else:
                result.append(Outcome(**said))
                self.case = None
        return result

    def end(self, status: int, limits: Limits) -> Outcome | None:
        """The outcome of the case that a worker died in."""
        self.trace.seek(0)
        text = self.trace.read().decode(errors="replace")
        self.trace.close()
        if self.case is None:
            return None
        place = _FRAME.search(text)
        line = f"{place[1]}:{place[2]}" if place else "?"
        if self.killed or text.startswith("Timeout"):
            return Outcome(self.case, FAILURE, "hang in C", line, text[:1500], time.monotonic() - self.since)
        cause = f"died of signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else "died"
        return Outcome(self.case, FAILURE, cause, line, text[:1500], time.monotonic() - self.since)


def _data_bytes() -> int:
    """Bytes of data of this process, as its limit counts them."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmData"))


def _work(reader: Reader, seed: int, block: list[int], limits: Limits, send: int, trace: Any) -> None:
    """The worker: cases one by one, until one hangs or runs out of memory."""
    with open(os.devnull, "r+b") as nothing:
        for standard in (0, 1, 2):
            os.dup2(nothing.fileno(), standard)
    faulthandler.enable(trace)
    warnings.simplefilter("ignore")
    most = _data_bytes() + limits.memory
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for case in block:
        trace.seek(0)
        trace.truncate()
        os.write(send, f"{case}\n".encode())
        faulthandler.dump_traceback_later(limits.seconds + min(5, limits.seconds), exit=True, file=trace)
        outcome = one_case(reader, seed, case, limits)
        faulthandler.cancel_dump_traceback_later()
        os.write(send, (json.dumps(outcome.plain()) + "\n").encode())
        if outcome.cause in ("hang", "memory"):
            return  # threads may still be at it


def keep_failure(reader: Reader, seed: int, outcome: Outcome, keep: Path, most: int = 3) -> None:
    """The input of a failing case, its outcome beside it; the first few of a kind."""
    kind = re.sub(r"\W+", "-", f"{outcome.cause} {outcome.line}").strip("-")[:100]
    folder = keep / reader.name / kind
    if folder.is_dir() and len(list(folder.iterdir())) >= most:
        return
    target = folder / f"seed-{seed}-case-{outcome.case}"
    with tempfile.TemporaryDirectory(dir=fast_folder()) as name:
        reader.damage(random_of(seed, reader.name, outcome.case), Path(name))
        shutil.copytree(name, target, symlinks=True, ignore=_no_fifo, dirs_exist_ok=True)
    (target / "outcome.json").write_text(json.dumps(outcome.plain(), indent=2))
