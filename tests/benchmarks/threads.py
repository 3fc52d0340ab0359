"""What waiting threads cost: `python -m tests.benchmarks.threads --json` writes results/threads.json.

The same short training with GNU OpenMP's own number of turns that a waiting thread spins, and with the number that the
command line of xmr sets; on the machine as it is, and next to as many busy processes as there are cores.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[2]
SPINS = {"GNU OpenMP's own": "300000", "xmr": ""}  # empty: what the command line sets
ROUNDS = 3
BUSY = "while True: pass"
RUN = ["-m", "xmr", "run", "protein/amp", "training.epochs=1", "data.split.n_labelled=200", "baselines=[]", "--quiet"]


def seconds(spins: str) -> float:
    """Wall time of one run."""
    env = {name: value for name, value in os.environ.items() if name not in ("OMP_NUM_THREADS", "GOMP_SPINCOUNT")}
    env |= {"HF_HUB_OFFLINE": "1", **({"GOMP_SPINCOUNT": spins} if spins else {})}
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        subprocess.run([sys.executable, *RUN, "-o", f"{folder}/run"], env=env, check=True, capture_output=True)
        return time.perf_counter() - started


def measure() -> dict[str, Any]:
    """Medians over alternating rounds: {"alone": {...}, "busy": {...}}, seconds by who sets the number."""
    cores, found = os.cpu_count() or 1, {}
    for where, others in (("alone", 0), ("busy", cores)):
        with ExitStack() as stack:
            for _ in range(others):
                stack.callback(subprocess.Popen([sys.executable, "-c", BUSY]).kill)
            rounds = [{name: seconds(spins) for name, spins in SPINS.items()} for _ in range(ROUNDS)]
        found[where] = {name: round(median(each[name] for each in rounds), 1) for name in SPINS}
    return {
        "command": "python -m tests.benchmarks.threads --json",
        "cores": cores,
        "machine": platform.machine(),
        **found,
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="write results/threads.json")
    asked = parser.parse_args()
    result = measure()
    print(json.dumps(result, indent=1))
    if asked.json:
        (ROOT / "results" / "threads.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
