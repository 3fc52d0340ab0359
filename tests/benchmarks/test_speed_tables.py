"""Speed of tables as ratios within one run; prints, asserts no time. `make bench`; figures in docs/performance.md."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.benchmarks.test_speed import rounds
from xmr.core.component import check_section, create
from xmr.core.registry import SOURCES, TRANSFORMS
from xmr.core.spaces import TokenInput
from xmr.encoders.table import TableEncoder

pytestmark = pytest.mark.benchmark
MEASURED = """import resource, sys
from xmr.cli.app import execute
execute(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
RECIPE = """task: classification
data: {path: t.csv, target: label, split: {by: random, test: 200, validation: 0.1, n_labelled: 200}}
encoder: {name: table}
source: {name: identity, width: 32}
transform: {name: feature_tokens}
output: {name: ridge}
training: {epochs: 1, batch_size: 32}
"""


def test_a_step_beside_the_bare_source() -> None:
    """Forward and backward through column tokens and the source, beside the source alone on the same shape."""
    source = create(SOURCES, check_section("source", {"name": "minilm", "layers": 2}, "")).load(0)
    encoder = TableEncoder()
    encoder.configure(512)
    records = encoder.example(256, 0)
    batch = encoder.fit(records).encode(records).batch(np.arange(64))
    for name in ("feature_tokens", "feature_prototypes"):
        section = check_section("transform", {"name": name}, "")
        transform = create(TRANSFORMS, section).build(encoder.spec, source.space, torch.Generator().manual_seed(0))
        shape = transform(batch).embeddings.shape
        bare = torch.randn(shape).requires_grad_()
        mask = torch.ones(shape[:2], dtype=torch.bool)

        def ours(transform: Any = transform) -> None:
            transform.zero_grad()
            source(transform(batch)).hidden.sum().backward()

        def alone(bare: Any = bare, mask: Any = mask) -> None:
            source(TokenInput(bare, mask, 0, bare.shape[1], True)).hidden.sum().backward()

        step, base = rounds(ours, alone)
        print(f"\n{name}: step / bare {step / base:.2f} ({1000 * step:.1f} ms for 64 rows of {shape[1]} columns)")


def test_reading_and_encoding(tmp_path: Path) -> None:
    """Rows a second from a CSV file to numbers, and 100,000 rows predicted with flat memory."""
    rng = np.random.default_rng(0)

    def write(name: str, n: int) -> Path:
        path = tmp_path / name
        with path.open("w") as handle:
            handle.write(",".join(f"x{i}" for i in range(10)) + ",job,label\n")
            values, jobs = rng.normal(size=(n, 10)), rng.choice(["a", "b", "c"], n)
            for row, job in zip(values, jobs):
                handle.write(",".join(f"{x:.4f}" for x in row) + f",{job},{int(row[0] > 0)}\n")
        return path

    write("t.csv", 1000)
    (tmp_path / "r.yaml").write_text(RECIPE)
    run = [sys.executable, "-m", "xmr"]
    subprocess.run([*run, "run", "r.yaml", "-o", "run", "--quiet"], cwd=tmp_path, check=True, capture_output=True)
    for n in (2_000, 100_000):
        path = write(f"{n}.csv", n)
        started = time.perf_counter()
        asked = ["predict", "run", str(path), "-o", f"{n}.out.csv"]
        measured = subprocess.run(
            [sys.executable, "-c", MEASURED, *asked], cwd=tmp_path, check=True, capture_output=True, text=True
        )
        seconds, peak = time.perf_counter() - started, float(measured.stdout.splitlines()[-1])
        print(f"\n{n:,} rows predicted in {seconds:.1f} s, peak {peak:,.0f} MiB")
