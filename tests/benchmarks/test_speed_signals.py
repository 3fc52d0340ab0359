"""Speed of signals as ratios within one run; prints, asserts no time. `make bench`; figures in docs/performance.md.

Sources: the attention RNN (random weights where the file is not below XMR_MODELS), MiniLM, and a random GPT-2.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.benchmarks.test_speed import rounds
from xmr.core.component import check_section, create
from xmr.core.kinds import SignalBatch
from xmr.core.registry import SOURCES
from xmr.core.spaces import TokenInput, WaveInput
from xmr.data.readers.series import series_records
from xmr.encoders.series import SeriesEncoder
from xmr.program import Program
from xmr.sources.hf_text import HFText
from xmr.sources.specials import Specials
from xmr.tasks.base import task_class
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work

pytestmark = pytest.mark.benchmark
MODELS = Path(os.environ.get("XMR_MODELS", Path(os.environ.get("XMR_DATA", "nowhere")).parent / "models"))
BATCH = 32


def program(
    source: Any, transform: dict[str, Any], length: int = 600, channels: int = 1, programs: int = 1
) -> tuple[Program, LabelledSet]:
    values = np.random.default_rng(0).standard_normal((4 * BATCH, channels, length)).astype(np.float32)
    records = series_records(values, ["ab"[i % 2] for i in range(len(values))], "noise")
    encoder = SeriesEncoder().fit(records)
    targets = task_class("classification").fit(records)
    sections = [check_section("transform", transform, ""), check_section("output", "linear", "")]
    made = Program.build(encoder, sections[0], source, sections[1], targets, programs)
    return made, LabelledSet(encoder.encode(records), targets.encode(records))


def attention_rnn() -> Any:
    weights = "pretrained" if (MODELS / "attrnn_speech_commands.safetensors").is_file() else "random"
    return create(SOURCES, check_section("source", {"name": "attention_rnn", "weights": weights}, "")).load()


def test_spectra_are_added_instead_of_waves() -> None:
    """The front end with the data's spectrum kept, beside placing every wave and transforming it in every step."""
    source = attention_rnn()
    made, data = program(source, {"name": "wave_pattern"})
    made.cache(data.data, varied=False)
    kept = data.data.batch(np.arange(BATCH))
    fresh = SignalBatch(kept.values, kept.mask, kept.full)
    transform, spectrum = made.transforms[0], source.space.spectrum
    gradient = torch.randn(transform(kept).spectrum.shape, dtype=torch.complex64)

    def split() -> None:
        transform(kept).spectrum.backward(gradient)

    def whole() -> None:
        gain = transform.log_gain.exp()[:, None]
        spectrum(transform.placed(fresh.values * gain) + transform.pattern()).backward(gradient)

    ours, theirs = rounds(split, whole)
    print(f"\nfront end, STFT of every wave / split: {theirs / ours:.2f}")


@pytest.mark.parametrize("name", ["wave_pattern", "signal_patches", "patch_reprogramming"])
def test_step_beside_the_bare_model(name: str) -> None:
    """A whole step beside the frozen model's own forward + backward to its input, full precision."""
    if name == "wave_pattern":
        source = attention_rnn()
        made, data = program(source, {"name": name})
        waves = torch.randn(BATCH, source.space.samples).requires_grad_()

        def bare() -> None:
            source.answers(source.features(WaveInput(waves=waves))).mean().backward()
            waves.grad = None
    else:
        source = create(SOURCES, check_section("source", "minilm", "")).load()
        made, data = program(source, {"name": name})
        fed = made.transforms[0](data.data.batch(np.arange(BATCH)))
        leaf = fed.embeddings.detach().requires_grad_()

        def bare() -> None:
            source(TokenInput(leaf, fed.mask, 0, fed.length, fed.full)).aligned.mean().backward()
            leaf.grad = None

    work = Work(made, data, None, TrainingSettings(batch_size=BATCH), 0, "full", Accelerator(cpu=True))
    batch, _ = work.batches(0)[0]
    ours, theirs = rounds(lambda: work.step(batch, 1), bare)
    print(f"\n{name}: training step / bare forward+backward {ours / theirs:.3f} ({BATCH / ours:,.0f} series/s)")


@pytest.mark.skipif(not (MODELS / "mobilenet_v1_0.5_160").is_dir(), reason="no ImageNet network below XMR_MODELS")
def test_each_program_draws_its_own_view() -> None:
    """Prediction by twelve programs of twelve drawings: each drawing its own, beside each drawing all twelve."""
    source = create(SOURCES, check_section("source", {"name": "hf_image", "model": "mobilenet_v1_0.5_160"}, "")).load()
    views = {"segment_width": [0.5, 1.0, 2.0], "value_range": ["per_sample", "fixed"], "difference": [0, 1]}
    made, data = program(source, {"name": "signal_image", **views}, programs=12)
    made.eval()
    batch = data.data.batch(np.arange(4))
    kept = SignalBatch(batch.values, batch.mask, batch.full, made.transforms[0].precompute(batch))
    with torch.inference_mode():
        own, ready, every = rounds(
            lambda: made(batch),
            lambda: made(kept),
            lambda: (made(kept), [t.precompute(batch) for t in made.transforms]),
        )
    print(
        f"\ndrawings at prediction: all views / own view {every / own:.2f}, own view / drawn before {own / ready:.2f}"
    )


def test_a_text_is_read_once() -> None:
    """A causal source behind a text of 128 tokens: keys and values kept, beside reading it with every batch."""
    from transformers import AutoModel, GPT2Config

    model = AutoModel.from_config(GPT2Config(n_layer=4, n_embd=384, n_head=6, vocab_size=1000))
    text = Specials(words=tuple(map(str, range(1000))), text=tuple(range(128)))
    once = HFText("random-gpt2", prompt_text="a text").adopt(model, text)
    again = HFText("random-gpt2", prompt_text="a text").adopt(model, text)
    again._read = []
    values = (torch.randn(BATCH, 32, 384) * 0.02).requires_grad_()
    inputs = TokenInput(values, torch.ones(BATCH, 32, dtype=torch.bool), 0, 32, True)

    def run(source: HFText) -> None:
        source(inputs).aligned.mean().backward()
        values.grad = None

    ours, theirs = rounds(lambda: run(once), lambda: run(again))
    print(f"\ntext of 128 tokens before 32: read with every batch / read once {theirs / ours:.2f}")


def test_prototypes_once_a_step_and_never_at_prediction() -> None:
    """Patch reprogramming: the projections of M E for every record anew, once a step, and folded."""
    source = create(SOURCES, check_section("source", "minilm", "")).load()
    made, data = program(source, {"name": "patch_reprogramming", "prototypes": 1000})
    transform = made.transforms[0].eval()
    folded = transform.fold().eval()
    batch = data.data.batch(np.arange(BATCH))
    rows = [data.data.batch(np.array([i])) for i in range(BATCH)]
    with torch.inference_mode():
        once, never, each = rounds(
            lambda: transform(batch), lambda: folded(batch), lambda: [transform(row) for row in rows]
        )
    print(f"\nprototypes: for each record / once a step {each / once:.1f}, once a step / folded {once / never:.1f}")


def test_ten_thousand_recordings(tmp_path: Path) -> None:
    """Peak memory of `xmr predict` over 500 and over 10,000 recordings of a second."""
    soundfile = pytest.importorskip("soundfile")
    clock = np.arange(16000) / 16000
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(10_000):
        soundfile.write(folder / f"{i}.wav", 0.3 * np.sin(2 * np.pi * (200 + i % 700) * clock), 16000)
    few = tmp_path / "few"
    few.mkdir()
    for i in range(500):
        for copy, kind in ((few / f"{i}.wav", i), (tmp_path / "train" / "ab"[i % 2] / f"{i}.wav", i)):
            copy.parent.mkdir(parents=True, exist_ok=True)
            if copy.parent.name != "few" and i >= 40:
                continue
            copy.write_bytes((folder / f"{kind}.wav").read_bytes())
    recipe, run = tmp_path / "r.yaml", tmp_path / "run"
    recipe.write_text(
        f"task: classification\ndata: {{path: {tmp_path / 'train'}, split: {{by: random, test: 0.3, validation: 0}}}}\n"
        "encoder: {name: audio}\nsource: {name: attention_rnn, weights: random}\n"
        "transform: {name: wave_pattern, layout: pad}\noutput: {name: linear}\ntraining: {epochs: 1, batch_size: 16}\n"
    )
    subprocess.run([sys.executable, "-m", "xmr", "run", recipe, "-o", run, "--quiet"], check=True)
    peaks = {}
    for part in (few, folder):
        code = (
            "import resource, sys; from xmr.cli.app import execute; "
            f"execute(['predict', {str(run)!r}, {str(part)!r}, '-o', {str(run / 'p.csv')!r}, '--force'])"
            "; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        )
        started = time.perf_counter()
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        peaks[part.name] = int(done.stdout.split()[-1]) / 1024, time.perf_counter() - started
    print(
        f"\nrecordings: peak {peaks['few'][0]:,.0f} MiB for 500, {peaks['many'][0]:,.0f} MiB for 10,000 "
        f"({10_000 / peaks['many'][1]:,.0f} a second with start-up)"
    )
