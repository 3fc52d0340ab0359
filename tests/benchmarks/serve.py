"""`xmr serve` under load: `python -m tests.benchmarks.serve --json` writes results/serving.json.

A server in a process of its own with one layer of minilm and one thread; clients on loopback, each with one connection
and one request under way. They share the machine with the server. `Program.predict` has the same records and one
thread. At the end SIGTERM comes while all clients wait for answers; each must get its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import urllib3

from tests.benchmarks.scaling import ROOT, peptides, trained
from xmr.data.columns import Columns
from xmr.data.readers.read import read_all
from xmr.data.records import Skipped
from xmr.program import Program

LOADS = ((1, 1), (8, 1), (32, 1), (8, 32))  # clients, records of a request
TOGETHER = 16  # requests under way when SIGTERM comes


class Server:
    """`xmr serve` on a free port of loopback."""

    def __init__(self, program: Path) -> None:
        command = [sys.executable, "-m", "xmr", "serve", str(program), "--port", "0"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.place = self.process.stdout.readline().split(": ", 1)[1].split(" ")[0]
        self.pool = urllib3.PoolManager(maxsize=64)

    def ask(self, texts: list[str]) -> tuple[int, float, list[list[float]]]:
        """One request -> status, seconds, predictions."""
        started = time.perf_counter()
        body = json.dumps({"instances": texts}).encode()
        found = self.pool.request("POST", self.place, body=body, retries=False, timeout=60)
        return found.status, time.perf_counter() - started, found.json().get("predictions", [])

    def passes(self) -> int:
        """How many there were."""
        found = self.pool.request("GET", self.place.replace("/v1/models/program:predict", "/metrics")).data.decode()
        return int(found.rpartition("xmr_passes_total ")[2])


def load(server: Server, texts: list[str], clients: int, size: int, expected: np.ndarray) -> dict[str, Any]:
    """Every record once -> times of the requests, and records per second."""
    cut = [texts[begin : begin + size] for begin in range(0, len(texts), size)]
    before, started = server.passes(), time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        answers = [*pool.map(server.ask, cut)]
    seconds = time.perf_counter() - started
    assert {status for status, _, _ in answers} == {200}
    found = np.concatenate([rows for _, _, rows in answers])
    assert np.abs(found - expected).max() < 1e-4
    low, high = 1000 * np.percentile([took for _, took, _ in answers], (50, 99))
    return {
        "clients": clients,
        "records_per_request": size,
        "requests": len(cut),
        "p50_ms": round(low, 1),
        "p99_ms": round(high, 1),
        "records_per_second": round(len(texts) / seconds, 1),
        "records_per_pass": round(len(texts) / (server.passes() - before), 1),
    }


def stopped(server: Server, texts: list[str]) -> dict[str, int]:
    """SIGTERM while requests are under way -> how many were answered."""
    with ThreadPoolExecutor(TOGETHER) as pool:
        waiting = [pool.submit(server.ask, texts) for _ in range(TOGETHER)]
        time.sleep(0.5)
        pending = sum(not each.done() for each in waiting)
        server.process.send_signal(signal.SIGTERM)
        answered = sum(each.result()[0] == 200 for each in waiting)
    server.process.wait(60)
    return {"requests": TOGETHER, "under_way_at_sigterm": pending, "answered": answered}


def main() -> None:
    """Measure, print, and with --json write results/serving.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="write results/serving.json")
    parser.add_argument("--records", type=int, default=1024)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        run, _ = trained(place, "minilm")
        records = read_all(peptides(place / "x.fasta", asked.records), Columns(need_target=False), "fail", Skipped())
        program = Program.load(run)
        expected = program.predict(records).values
        started = time.perf_counter()
        program.predict(records)
        direct = len(records) / (time.perf_counter() - started)
        server = Server(run)
        try:
            load(server, records.inputs[:64], 4, 1, expected[:64])  # warm
            rows = [load(server, records.inputs, clients, size, expected) for clients, size in LOADS]
            sigterm = stopped(server, records.inputs[:256])
        finally:
            server.process.kill()
        result = {
            "command": "python -m tests.benchmarks.serve --json",
            "machine": {"processors": os.cpu_count(), "system": platform.system(), "threads_of_the_server": 1},
            "records": len(records),
            "program_predict_records_per_second": round(direct, 1),
            "loads": rows,
            "sigterm": sigterm,
            "load_of_the_machine": [round(each, 1) for each in os.getloadavg()],
        }
    print(json.dumps(result, indent=2))
    if asked.json:
        (ROOT / "results" / "serving.json").write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
