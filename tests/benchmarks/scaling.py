"""How cost grows with records and processes: `python -m tests.benchmarks.scaling --json` writes results/scaling.json.

Random peptides of 8 to 30 residues, one layer of minilm, one thread per process. Times of the machine at hand; where
other work shares it, the processor time next to them tells what the work itself costs.
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
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

# Before torch is imported, and for the processes that are started; Ray gives its own a low priority.
os.environ.update(OMP_NUM_THREADS="1", RAY_worker_niceness="0")

from xmr.commands.predict import predict_file
from xmr.commands.predict_parts import Shard, _begin, _Maker, _Shards
from xmr.commands.predictor import Request
from xmr.commands.workers.base import Engine
from xmr.core.store import Store
from xmr.data.columns import Columns
from xmr.data.readers.ranges import ranges
from xmr.program_folder import reader_of

ROOT = Path(__file__).parents[2]
LETTERS = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
RECIPE = """task: classification
data: {{path: {path}, split: {{by: random, test: 40, validation: 0}}}}
encoder: {{name: protein}}
source: {source}
transform: {{name: free_embedding}}
output: {{name: ridge}}
training: {{epochs: {epochs}, precision: full}}
baselines: []
"""
SOURCES = {"minilm": "{name: minilm, layers: 1}", "no source": "{name: identity, width: 32}"}


def peptides(path: Path, n: int, labelled: bool = False) -> Path:
    """A file of random peptides, FASTA or (labelled) CSV."""
    rng = np.random.default_rng(n)
    with path.open("w") as handle:
        handle.write("id,sequence,label\n" if labelled else "")
        for i in range(n):
            text = "".join(LETTERS[rng.integers(0, 20, rng.integers(8, 31))])
            handle.write(f"p{i},{text},{'ab'[i % 2]}\n" if labelled else f">p{i}\n{text}\n")
    return path


# A small process that starts the command: the system counts the memory of what starts a process as its own.
LAUNCH = """import os, subprocess, sys
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
"""


def called(*words: object) -> dict[str, float]:
    """Run a command of xmr -> its seconds, those of the processor, and its peak memory."""
    started = time.perf_counter()
    command = [sys.executable, "-S", "-c", LAUNCH, sys.executable, "-m", "xmr", *map(str, words)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    status, processor, memory = done.stdout.split()
    assert status == "0", done.stderr
    return {
        "seconds": round(time.perf_counter() - started, 2),
        "processor_seconds": round(float(processor), 2),
        "peak_memory_mib": round(float(memory), 1),
    }


def trained(place: Path, source: str, n: int = 400, epochs: int = 0) -> tuple[Path, dict[str, float]]:
    """The folder of a run on n peptides, and what it cost."""
    name = f"{source.replace(' ', '_')}-{n}-{epochs}"
    data = peptides(place / f"{name}.csv", n, labelled=True)
    (place / f"{name}.yaml").write_text(RECIPE.format(path=data, source=SOURCES[source], epochs=epochs))
    return place / name, called("run", place / f"{name}.yaml", "-o", place / name, "--quiet")


@dataclass(frozen=True)
class Timed:
    """A maker of parts that notes when, and with how much processor time, each was made."""

    maker: _Maker

    def __call__(self) -> Callable[[Shard], dict[str, Any]]:
        made = self.maker()
        predictor = made.args[0]  # type: ignore[attr-defined]
        spent = [0.0]
        predict = type(predictor).__call__

        class Watched(type(predictor)):  # type: ignore[misc]
            def __call__(self, *given: Any, **named: Any) -> Any:
                before = time.process_time()
                try:
                    return predict(self, *given, **named)
                finally:
                    spent[0] += time.process_time() - before

        predictor.__class__ = Watched

        def timed(shard: Shard) -> dict[str, Any]:
            begin, processor, spent[0] = time.time(), time.process_time(), 0.0
            facts = made(shard)
            used = time.process_time() - processor
            return {
                **facts,
                "begin": begin,
                "end": time.time(),
                "used": used,
                "predicting": spent[0],
                "pid": os.getpid(),
            }

        return timed


def in_parts(program: Path, source: Path, out: Path, engine: Engine, part: int) -> dict[str, float]:
    """Predict in parts -> records per second while all processes work, and processor time per record."""
    encoder, columns = reader_of(program, Columns(need_target=False))
    cut = ranges(source, columns, encoder.chunk)
    assert cut is not None
    before = time.process_time()
    listed = [*_Shards(cut, part)]
    cutting = time.process_time() - before
    store = Store(str(out))
    out.mkdir(parents=True)
    _begin(store, "key", False)
    maker = Timed(_Maker(Request(program, columns, device="cpu"), store, "key", "parquet"))
    with engine.workers() as workers:
        facts = [*workers.over(maker, listed)]
    processes = {each["pid"] for each in facts}
    begin = max(min(each["begin"] for each in facts if each["pid"] == one) for one in processes)
    end = min(max(each["end"] for each in facts if each["pid"] == one) for one in processes)
    done = sum(
        each["records"] * max(0.0, min(end, each["end"]) - max(begin, each["begin"])) / (each["end"] - each["begin"])
        for each in facts
    )
    records, used = sum(each["records"] for each in facts), sum(each["used"] for each in facts)
    return {
        "records_per_second": done / (end - begin),
        "processor_microseconds_per_record": 1e6 * used / records,
        "overhead": (cutting + used - sum(each["predicting"] for each in facts)) / used,
        "processes": len(processes),
    }


def in_one(program: Path, source: Path, target: Path) -> dict[str, float]:
    """Predict into one file -> records per second from the first chunk on, and processor time per record."""
    seen: list[tuple[float, float, int]] = []
    predict_file(
        program,
        source,
        target,
        device="cpu",
        report=lambda n, rate: seen.append((time.perf_counter(), time.process_time(), n)),
    )
    (begin, used, first), (end, used_at_end, last) = seen[0], seen[-1]
    more = last - first
    return {
        "records_per_second": more / (end - begin),
        "processor_microseconds_per_record": 1e6 * (used_at_end - used) / more,
    }


def ways(program: Path, place: Path, records: int, rounds: int, compared: list[str] | None = None) -> dict[str, Any]:
    """One process, parts in this process, local processes and Ray actors on the same records, in turns.

    compared: some of the routes, by default all; the ratios are to the first.
    """
    source = peptides(place / f"ways-{records}.fasta", records)
    routes: dict[str, Callable[[Path], dict[str, float]]] = {
        "one file": lambda out: in_one(program, source, out.with_suffix(".csv")),
        "parts, this process": lambda out: in_parts(program, source, out, Engine(), 4096),
        "parts, 2 processes": lambda out: in_parts(program, source, out, Engine(jobs=2), 4096),
        "parts, 1 Ray actor": lambda out: in_parts(program, source, out, Engine("ray", jobs=1), 4096),
        "parts, 2 Ray actors": lambda out: in_parts(program, source, out, Engine("ray", jobs=2), 4096),
        # Twice as many as this machine has processors: the ideal stays two.
        "parts, 4 Ray actors": lambda out: in_parts(program, source, out, Engine("ray", jobs=4, cpus=0.5), 4096),
    }
    base = compared[0] if compared else "parts, this process"
    found: dict[str, list[dict[str, float]]] = {name: [] for name in compared or routes}
    for number in range(rounds):
        for name in found:
            found[name].append(routes[name](place / f"ways-{records}-{number}-{name.replace(' ', '_')}"))
            print(name, found[name][-1], flush=True)
    table = {
        name: {key: round(median(each[key] for each in rows), 4) for key in rows[0]} for name, rows in found.items()
    }
    ratios = {
        f"{name} / {base}": round(
            median(a["records_per_second"] / b["records_per_second"] for a, b in zip(rows, found[base])), 3
        )
        for name, rows in found.items()
        if name != base
    }
    return {"records": records, "rounds": rounds, "routes": table, "throughput_ratios": ratios}


def rows(place: Path, sizes: list[int]) -> dict[str, dict[str, Any]]:
    """What drafting and checking a recipe cost by the number of rows."""
    found: dict[str, dict[str, Any]] = {"new": {}, "check": {}}
    for n in sizes:
        data, recipe = peptides(place / f"new-{n}.csv", n, labelled=True), place / f"new-{n}.yaml"
        found["new"][str(n)] = called("new", "protein", data, "--target", "label", "-o", recipe)
        found["check"][str(n)] = called("check", recipe)
    return found


def main() -> None:
    """Measure, print, and with --json write results/scaling.json after each part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="write results/scaling.json")
    parser.add_argument("--sizes", type=int, nargs="*", default=[1_000, 10_000, 100_000], help="records to predict")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--records", type=int, default=32_768, help="records of the comparison of routes")
    parser.add_argument("--rows", type=int, nargs="*", default=[1_000, 4_000, 16_000], help="rows of new and check")
    parser.add_argument("--only", nargs="*", default=["routes", "engines", "rows", "train", "predict"])
    asked = parser.parse_args()
    path = ROOT / "results" / "scaling.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    result["command"] = "python -m tests.benchmarks.scaling --json"
    result["machine"] = {"processors": os.cpu_count(), "system": platform.system(), "threads_per_process": 1}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        program, _ = trained(place, "minilm")
        for part in asked.only:
            if part == "predict":
                made: dict[str, Any] = {}
                for n in asked.sizes:
                    source = peptides(place / f"{n}.fasta", n)
                    made[str(n)] = called("predict", program, source, "-o", place / f"{n}.csv", "--device", "cpu")
            elif part == "routes":
                made = ways(program, place, asked.records, asked.rounds)
                bare, _ = trained(place, "no source")
                made["without_a_source"] = in_one(bare, place / f"ways-{asked.records}.fasta", place / "bare.csv")
            elif part == "engines":  # for longer: the first part of each process is slower than the others
                made = ways(
                    program, place, 4 * asked.records, asked.rounds, ["parts, 2 processes", "parts, 2 Ray actors"]
                )
            elif part == "train":
                made = {str(n): trained(place, "minilm", n, 1)[1] for n in (1_000, 2_000, 4_000)}
            else:
                made = rows(place, asked.rows)
            result[part] = {**made, "load_of_the_machine": [round(each, 1) for each in os.getloadavg()]}
            print(json.dumps({part: result[part]}, indent=2), flush=True)
            if asked.json:
                path.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
