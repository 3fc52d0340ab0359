"""`python -m tests.fuzz --cases 5000`: damage, read, judge; a table, and a line for each kind of failure."""

from __future__ import annotations

import argparse
import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # a fork of a process with threads of OpenMP would hang
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tests.fuzz.outcome import FAILURE, READ, REFUSED, ROOT, Outcome  # noqa: E402
from tests.fuzz.readers import BAD, READERS, reader  # noqa: E402
from tests.fuzz.workers import Limits, fast_folder, run_cases  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 1 where a case failed."""
    asked = _arguments(arguments)
    rows, kinds = [], []
    print(f"{'reader':<12} {'cases':>7} {'read':>7} {'refused':>8} {'failures':>9} {'slowest':>8} {'seconds':>8}")
    for name in asked.reader or READERS:
        started = time.perf_counter()
        outcomes, passed = _run(name, asked)
        counts = Counter(outcome.kind for outcome in outcomes)
        row: dict[str, Any] = {
            "reader": name, "cases": len(outcomes), "read": counts[READ], "refused": counts[REFUSED],
            "failures": counts[FAILURE], "passed_when_alone": passed,
            "slowest_case_s": round(max((outcome.seconds for outcome in outcomes), default=0), 2),
            "seconds": round(time.perf_counter() - started, 1),
        }  # fmt: skip
        rows.append(row)
        print(
            f"{name:<12} {row['cases']:>7,} {row['read']:>7,} {row['refused']:>8,} {row['failures']:>9,} "
            f"{row['slowest_case_s']:>7.2f}s {row['seconds']:>7.1f}s",
            flush=True,
        )
        kinds += _kinds(name, asked.seed, outcomes)
        if asked.verbose:
            for outcome in outcomes:
                print(f"  {outcome.case}: {outcome.kind} {outcome.cause} {outcome.line} {outcome.note}")
                print(f"    {outcome.message}")
    print(f"{'sum':<12} " + " ".join(
        f"{sum(row[key] for row in rows):>{width},}"
        for key, width in (("cases", 7), ("read", 7), ("refused", 8), ("failures", 9))
    ))  # fmt: skip
    if kinds:
        print(f"\n{len(kinds)} kinds of failure (inputs below {asked.keep}):")
    for kind in kinds:
        print(f"{kind['cases']:>5} x {kind['reader']}: {kind['cause']} at {kind['line']}\n        {kind['again']}")
        print(f"        {kind['message'][:240]!r}")
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        asked.json.write_text(json.dumps({"seed": asked.seed, "readers": rows, "failures": kinds}, indent=2) + "\n")
    return 1 if kinds else 0


def _arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=5000, help="of each reader")
    parser.add_argument("--reader", action="append", choices=[*READERS, BAD], help="only this one (several: again)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", type=int, action="append", help="only this case (several: again), with all it said")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--limit", type=float, default=10.0, help="seconds of a case")
    parser.add_argument("--keep", type=Path, default=ROOT / "runs" / "fuzz", help="folder of failing inputs")
    parser.add_argument("--json", type=Path, nargs="?", const=ROOT / "results" / "fuzz.json", help="write the counts")
    asked = parser.parse_args(arguments)
    asked.verbose = asked.case is not None
    return asked


def _run(name: str, asked: argparse.Namespace) -> tuple[list[Outcome], int]:
    chosen = reader(name)
    gc.collect()
    gc.freeze()  # collections look at what is new alone
    with tempfile.TemporaryDirectory(dir=fast_folder(), prefix="xmr-fuzz-") as folder:
        chosen.prepare(Path(folder))
        cases = asked.case or list(range(asked.cases))
        return run_cases(chosen, asked.seed, cases, asked.jobs, Limits(asked.limit), asked.keep)


def _kinds(name: str, seed: int, outcomes: list[Outcome]) -> list[dict[str, Any]]:
    """Failures by what was raised and where, with one case of each."""
    found: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.kind == FAILURE:
            found.setdefault((outcome.cause, outcome.line), []).append(outcome)
    return [
        {
            "reader": name, "cause": cause, "line": line, "cases": len(same), "first": same[0].case,
            "again": f"python -m tests.fuzz --reader {name} --seed {seed} --case {same[0].case}",
            "damage": same[0].note, "message": same[0].message,
        }
        for (cause, line), same in sorted(found.items(), key=lambda item: -len(item[1]))
    ]  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
