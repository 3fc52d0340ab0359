"""Speed as ratios within one run; prints, never asserts a time. `make bench` writes what docs/performance.md holds.

Every pair is timed in turns, so that a busy machine slows both sides; the median of the rounds is printed.
"""

from __future__ import annotations

import gc
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from xmr.core.component import check_section, create
from xmr.core.kinds import SymbolBatch
from xmr.core.registry import ENCODERS, SOURCES
from xmr.core.spaces import TokenInput
from xmr.data.records import Records
from xmr.program import Program
from xmr.tasks.base import task_class
from xmr.training.precision import autocast, resolve_precision
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work
from xmr.transforms.base import with_blends
from xmr.transforms.vocabulary import VocabularyMap

pytestmark = pytest.mark.benchmark
ROUNDS = 7


def rounds(*functions: Callable[[], object]) -> list[float]:
    """Median seconds of each function, timed in turns."""
    taken: list[list[float]] = [[] for _ in functions]
    for number in range(ROUNDS + 1):
        for times, function in zip(taken, functions):
            gc.collect()
            started = time.perf_counter()
            function()
            if number:
                times.append(time.perf_counter() - started)
    return [statistics.median(times) for times in taken]


def peptides(n: int, low: int = 8, high: int = 60, seed: int = 0) -> Records:
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=int(k))) for k in rng.integers(low, high, n)]
    return Records.of(texts, {"label": [str(i % 2) for i in range(n)]})


def job(
    layers: int | None, records: Records, precision: str, transform: str = "free_embedding", tokens: int = 2048
) -> Work:
    from accelerate import Accelerator

    source = create(SOURCES, check_section("source", {"name": "minilm", "layers": layers}, "")).load()
    encoder = create(ENCODERS, check_section("encoder", "protein", ""))
    encoder.configure(510)
    targets = task_class("classification").fit(records)
    program = Program.build(
        encoder, check_section("transform", transform, ""), source, check_section("output", "linear", ""), targets
    )
    data = LabelledSet(encoder.encode(records), targets.encode(records))
    return Work(program, data, None, TrainingSettings(batch_tokens=tokens), 0, precision, Accelerator(cpu=True))


def bare_inputs(work: Work, batch: np.ndarray) -> tuple[torch.Tensor, torch.Tensor | None]:
    """What the frozen model itself is fed for this batch: embeddings with special tokens, and the mask."""
    encoded = work.training.data.batch(batch)
    length = encoded.ids.shape[1] + 2
    embeddings = torch.randn(len(encoded.ids), length, 384) * 0.05
    mask = None if encoded.full else (torch.arange(length) < encoded.mask.sum(1, keepdim=True) + 2).long()
    return embeddings, mask


def bare_step(work: Work, batch: np.ndarray, precision: str) -> Callable[[], object]:
    embeddings, mask = bare_inputs(work, batch)
    embeddings.requires_grad_()
    body = work.program.source.body

    def step() -> None:
        with autocast(precision, torch.device("cpu")):
            hidden = body(inputs_embeds=embeddings, attention_mask=mask).last_hidden_state
        hidden.float().mean().backward()
        embeddings.grad = None

    return step


def per_token(transform: VocabularyMap, encoded: SymbolBatch) -> TokenInput:
    """The published form: a (B, L, V) tensor of weights, multiplied by E at every position."""
    chosen = torch.nn.functional.one_hot(encoded.ids, len(transform.symbol_table())).float()
    embeddings = (chosen @ with_blends(transform.theta, transform.blends)) @ transform.embedding
    return TokenInput(embeddings, encoded.mask, 0, encoded.ids.shape[1], encoded.full)


@pytest.mark.parametrize("precision", ["full", "bf16"])
def test_training_step(precision: str) -> None:
    if precision == "bf16" and resolve_precision("auto", torch.device("cpu")) != "bf16":
        pytest.skip("this processor does not compute in bfloat16")
    records = peptides(400)
    work = job(None, records, precision)
    batch, _ = work.batches(0)[2]
    ours, bare = rounds(lambda: work.step(batch, 1), bare_step(work, batch, precision))
    tokens = int(work.training.data.lengths[batch].sum())
    rate = f"({tokens / ours:,.0f} residues/s)"
    print(f"\n[{precision}] training step / bare frozen forward+backward: {ours / bare:.3f} {rate}")

    from transformers import AutoModel

    tuned = AutoModel.from_pretrained(work.program.source.folder(), attn_implementation="eager")
    head = nn.Linear(384, 2)
    optimizer = torch.optim.AdamW([*tuned.parameters(), *head.parameters()], lr=1e-5)
    inputs, mask = bare_inputs(work, batch)
    ids = torch.randint(1000, 30000, inputs.shape[:2])
    target = work.training.target[torch.from_numpy(batch)]

    def fine_tune() -> None:
        with autocast(precision, torch.device("cpu")):
            hidden = tuned(input_ids=ids, attention_mask=mask).last_hidden_state
        loss = torch.nn.functional.cross_entropy(head(hidden.float().mean(1)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    ours, full = rounds(lambda: work.step(batch, 1), fine_tune)
    print(f"[{precision}] full fine-tuning / training step: {full / ours:.2f}")
    three = job(3, records, precision)
    short, whole = rounds(lambda: three.step(batch, 1), lambda: work.step(batch, 1))
    print(f"[{precision}] layers: 6 / layers: 3: {whole / short:.2f}")


@pytest.mark.parametrize("precision", ["full", "bf16"])
def test_theta_once_a_step(precision: str) -> None:
    """Whole training steps with Theta E computed once, beside the per-token form: batches of 32 x 64 residues."""
    if precision == "bf16" and resolve_precision("auto", torch.device("cpu")) != "bf16":
        pytest.skip("this processor does not compute in bfloat16")
    records = peptides(64, 64, 65)
    once, published = (job(None, records, precision, "vocabulary_map") for _ in range(2))
    batch, _ = once.batches(0)[0]
    published.program.transforms[0].forward = lambda encoded: per_token(published.program.transforms[0], encoded)
    fast, slow, bare = rounds(
        lambda: once.step(batch, 1), lambda: published.step(batch, 1), bare_step(once, batch, precision)
    )
    print(f"\n[{precision}] per-token Theta E / Theta E once a step: {slow / fast:.2f}")
    print(f"[{precision}] step with dense Theta / bare frozen forward+backward: {fast / bare:.3f}")


def test_attention_and_precision() -> None:
    """Why `attention: auto` is eager on CPUs, and what bfloat16 brings."""
    for low, high in ((30, 34), (120, 136), (240, 264)):
        records = peptides(300, low, high)
        made = {}
        for attention in ("sdpa", "eager"):
            for precision in ("full", "bf16"):
                work = job(None, records, precision)
                work.program.source.body.set_attn_implementation(attention)
                batch, _ = work.batches(0)[0]
                made[attention, precision] = lambda work=work, batch=batch: work.step(batch, 1)
        times = dict(zip(made, rounds(*made.values())))
        base = times["sdpa", "full"]
        listed = ", ".join(f"{a} {p} {base / t:.2f}x" for (a, p), t in times.items())
        print(f"\nlength {low}-{high}: steps a second beside sdpa in full precision: {listed}")


PEAK = """
def status(field):  # of this process alone: ru_maxrss would inherit its parent's peak
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(field))
"""
MEMORY = (
    PEAK
    + """
import sys
sys.path.insert(0, ".")
from tests.benchmarks.test_speed import *
work = job(None, peptides(400), "full")
batch, _ = work.batches(0)[2]
step = bare_step(work, batch, "full") if sys.argv[1] == "bare" else lambda: work.step(batch, 1)
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")  # the peak is counted from here
for _ in range(3): step()
print(before, status("VmHWM"))
"""
)


def test_peak_memory() -> None:
    """Peak resident memory of a process that only trains, beside one that only runs the bare model."""

    def peak(which: str) -> tuple[float, float]:
        done = subprocess.run([sys.executable, "-c", MEMORY, which], capture_output=True, text=True, check=True)
        before, after = map(float, done.stdout.split()[-2:])
        return before, after

    (idle, bare), (_, ours) = peak("bare"), peak("ours")
    print(
        f"\npeak memory: training {ours:,.0f} MiB / bare {bare:,.0f} MiB = {ours / bare:.3f} (loaded: {idle:,.0f} MiB)"
    )


def test_prediction_throughput() -> None:
    """Program.predict on mixed lengths beside the bare forward on the same batches, already assembled."""
    from xmr.core.batching import inference_batches

    records = peptides(3000, 8, 120)
    work = job(None, records, "full")
    program = work.program
    data = program.encoder.encode(records)
    batches = [bare_inputs(work, batch) for batch in inference_batches(data.cost, data.width, 8192)]

    def bare() -> None:
        with torch.inference_mode():
            for embeddings, mask in batches:
                program.source.body(inputs_embeds=embeddings, attention_mask=mask)

    global ROUNDS
    before, ROUNDS = ROUNDS, 3
    ours, theirs = rounds(lambda: program.predict(records), bare)
    ROUNDS = before
    print(
        f"\npredict / bare forward throughput: {theirs / ours:.3f} ({len(records) / ours:,.0f} sequences/s, six layers)"
    )


STREAM = (
    PEAK
    + """
import sys
from pathlib import Path
from xmr.commands.predict import predict_file
predict_file(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), device="cpu", force=True)
print(status("VmHWM"))
"""
)


def test_streaming_memory(tmp_path) -> None:
    """200,000 sequences beside 2,000: the peak memory of the process."""
    work = job(1, peptides(40), "full")
    work.program.save(tmp_path / "program")
    found = {}
    for n in (2000, 200_000):
        rng = np.random.default_rng(0)
        letters = rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=(n, 40))
        lengths = rng.integers(8, 40, n)
        path = tmp_path / f"{n}.fasta"
        path.write_text("".join(f">s{i}\n{''.join(row[:k])}\n" for i, (row, k) in enumerate(zip(letters, lengths))))
        started = time.perf_counter()
        arguments = [sys.executable, "-c", STREAM, str(tmp_path / "program"), str(path), str(tmp_path / f"{n}.csv")]
        done = subprocess.run(arguments, capture_output=True, text=True, check=True)
        found[n] = float(done.stdout.split()[-1])
        seconds = time.perf_counter() - started
        with (tmp_path / f"{n}.csv").open() as handle:
            assert sum(1 for _ in handle) == n + 1
        print(f"\n{n:,} sequences: peak {found[n]:,.0f} MiB, {n / seconds:,.0f} sequences/s (one layer, with start-up)")
    print(f"200,000 sequences take {found[200_000] - found[2000]:,.0f} MiB more than 2,000")
