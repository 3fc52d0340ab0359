"""`python -m tests.faults --kills 200`: kills at steps in the file system, a table, and what did not come out right."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # a fork of a process with threads of OpenMP would hang
os.environ.setdefault("HF_HUB_OFFLINE", "1")

from tests.faults.commands import COMMANDS  # noqa: E402
from tests.faults.kills import kills  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 1 where a result differs."""
    names = [kind.name for kind in COMMANDS]  # type: ignore[attr-defined]
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="over all commands")
    parser.add_argument("--command", action="append", choices=names, help="only this one (several: again)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, nargs="?", const=ROOT / "results" / "faults.json", help="write the counts")
    asked = parser.parse_args(arguments)
    started = time.perf_counter()
    fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="xmr-faults-", dir=fast) as folder:
        made, counts = kills(Path(folder), asked.kills, asked.seed, asked.command)
    print(f"{'command':<12} {'steps':>6} {'kills':>6} {'twice':>6} {'wrong':>6}")
    rows = []
    for name, steps in counts.items():
        own = [one for one in made if one.command == name]
        twice, wrong = sum(bool(one.again) for one in own), sum(bool(one.wrong) for one in own)
        rows.append({"command": name, "steps": steps, "kills": len(own), "twice": twice, "wrong": wrong})
        print(f"{name:<12} {steps:>6} {len(own):>6} {twice:>6} {wrong:>6}")
    bad = [one for one in made if one.wrong]
    for one in bad:
        when = "after" if one.after else "before"
        print(f"{one.command}: {when} step {one.number} ({one.step}){', then ' if one.again else ''}{one.again}")
        print(f"    {one.wrong.strip()[:700]}")
    print(f"{len(made)} kills, {len(bad)} wrong, {time.perf_counter() - started:.0f} s")
    if asked.json:
        asked.json.parent.mkdir(parents=True, exist_ok=True)
        found = {"seed": asked.seed, "commands": rows, "wrong": [one.plain() for one in bad]}
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
