"""Speed in pixel space as ratios within one run; prints, asserts no time. `make bench`; figures in docs/performance.md.

Source: MobileNet v1 0.5 at 160 x 160 below XMR_MODELS where it is at hand, else a random ResNet-18 of that size.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from tests.benchmarks.test_speed import rounds
from xmr.core.component import check_section, create
from xmr.core.kinds import Batch
from xmr.core.registry import ENCODERS, SOURCES, TRANSFORMS
from xmr.core.spaces import PixelInput, PixelSpace
from xmr.data.readers.images import records_of
from xmr.outputs.mapping import assign, bayesian, count, optimal, soft_count
from xmr.program import Program
from xmr.sources.vision import HFImage
from xmr.tasks.base import task_class
from xmr.training.precision import autocast, resolve_precision
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work

pytestmark = pytest.mark.benchmark
MODELS = Path(os.environ.get("XMR_MODELS", Path(os.environ.get("XMR_DATA", "nowhere")).parent / "models"))
BATCH = 32
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def source() -> Any:
    folder = MODELS / "mobilenet_v1_0.5_160"
    if folder.is_dir():
        return create(SOURCES, check_section("source", {"name": "hf_image", "model": str(folder)}, "")).load()
    from transformers import AutoModelForImageClassification, ResNetConfig

    config = ResNetConfig(hidden_sizes=[64, 128, 256, 512], depths=[2, 2, 2, 2], layer_type="basic", num_labels=1000)
    space = PixelSpace(160, 160, (0.5,) * 3, (0.5,) * 3)
    return HFImage("random-resnet-18").adopt(AutoModelForImageClassification.from_config(config), space)


def job(transform: dict[str, Any], output: dict[str, Any], n: int, precision: str) -> Work:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 32, 32, 3)).astype(np.uint8)
    records = records_of(images, [str(i % 10) for i in range(n)], "noise")
    encoder = create(ENCODERS, check_section("encoder", "image", "")).fit(records)
    targets = task_class("classification").fit(records)
    sections = [check_section("transform", transform, ""), check_section("output", output, "")]
    program = Program.build(encoder, sections[0], source(), sections[1], targets).to(DEVICE)
    data = LabelledSet(encoder.encode(records), targets.encode(records))
    settings = TrainingSettings(batch_size=BATCH)
    return Work(program, data, None, settings, 0, precision, Accelerator(cpu=DEVICE.type == "cpu"))


def sync() -> None:
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


@pytest.mark.parametrize("precision", ["full", "bf16"])
def test_step_beside_the_bare_model(precision: str) -> None:
    """A whole step (batch, transform, source, mapping, loss, optimizer) beside the model's own forward + backward."""
    if precision == "bf16" and resolve_precision("auto", DEVICE) != "bf16":
        pytest.skip("this processor does not compute in bfloat16")
    print()
    for name in ("border", "watermark", "sample_specific_masks"):
        work = job({"name": name}, {"name": "iterative_mapping"}, 4 * BATCH, precision)
        batch, _ = work.batches(0)[0]
        pixels = torch.rand(BATCH, 3, 160, 160, device=DEVICE).to(memory_format=torch.channels_last).requires_grad_()
        folded = work.program.source
        apart = folded.trainable_copy().requires_grad_(False)  # the model as it comes, batch norms and all
        apart.body.eval()

        def bare(model: Any, pixels: torch.Tensor = pixels) -> None:
            with autocast(precision, DEVICE):
                features = model.features(PixelInput(pixels, normalized=True))
                logits = model.answers(features)
            logits.float().mean().backward()
            pixels.grad = None
            sync()

        def step(work: Work = work, batch: np.ndarray = batch) -> None:
            work.step(batch, 1)
            sync()

        turns: list[Callable[[], object]] = [step, partial(bare, apart), partial(bare, folded)]
        ours, theirs, lean = np.array(rounds(*turns * 3)).reshape(3, 3).min(axis=0)
        print(
            f"[{precision}] {name}: training step / bare forward+backward {ours / theirs:.3f} as the model comes, "
            f"{ours / lean:.3f} with its batch norms folded ({BATCH / ours:,.0f} pictures/s)"
        )
        encoded = work.training.data.batch(batch).to(DEVICE)  # fitted into the source's input, as in training
        transform = work.program.transforms[0]

        gradient = torch.rand(BATCH, 3, 160, 160, device=DEVICE).to(memory_format=torch.channels_last)

        def alone(transform: Any = transform, encoded: Batch = encoded, gradient: torch.Tensor = gradient) -> None:
            transform(encoded).pixels.backward(gradient)
            sync()

        (only,) = rounds(alone)
        print(f"[{precision}] {name}: transform alone, forward + backward, {100 * only / ours:.1f} % of a step")


def epoch(work: Work, extra_pass: bool = False) -> Callable[[], None]:
    """One epoch as the loop runs it; `extra_pass` adds the forward pass over the data that published code pays."""

    def run() -> None:
        for number, (batch, _) in enumerate(work.batches(0)):
            work.step(batch, number)
        if extra_pass:
            with torch.no_grad(), autocast(work.precision, DEVICE):
                for batch in work.batches(0):
                    encoded = work.training.data.batch(batch)
                    work.program(type(encoded)(encoded.values.to(DEVICE)))
        for output in work.program.outputs:
            output.on_epoch()
        sync()

    return run


def test_an_epoch_with_each_mapping() -> None:
    precision = resolve_precision("auto", DEVICE)
    works = {
        name: job({"name": "border"}, {"name": f"{name}_mapping"}, 10 * BATCH, precision)
        for name in ("random", "iterative", "bayesian", "bayesian_plus", "optimal")
    }
    fixed, *others, published = rounds(*map(epoch, works.values()), epoch(works["iterative"], extra_pass=True))
    print()
    for name, seconds in zip(list(works)[1:], others):
        print(f"[{precision}] epoch, {name} / fixed mapping: {seconds / fixed:.3f}")
    print(
        f"[{precision}] epoch with an extra forward pass for the mapping, as published / fixed: {published / fixed:.2f}"
    )


def test_mapping_update() -> None:
    """1,000 source classes, 397 targets, 20,000 examples: counting and remaking the mapping."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20_000, 1000, generator=generator)
    answers, labels = logits.argmax(1), torch.randint(0, 397, (20_000,), generator=generator)
    updates: dict[str, Callable[[], object]] = {
        "iterative": lambda: assign(count(answers, labels, 1000, 397)),
        "bayesian": lambda: bayesian(count(answers, labels, 1000, 397), 1.0),
        "optimal": lambda: optimal(count(answers, labels, 1000, 397)),
        "bayesian_plus (counting 60 classes an example too)": lambda: bayesian(
            soft_count(logits, labels, 397, 60), 1.0
        ),
    }
    print()
    for name, seconds in zip(updates, rounds(*updates.values())):
        print(f"mapping update, {name}: {1000 * seconds:.1f} ms")


def test_decoding(tmp_path: Path) -> None:
    """Pictures decoded a second, beside the pictures a second that training takes."""
    from PIL import Image as Pillow

    from xmr.data.columns import Columns
    from xmr.data.readers.read import read_all
    from xmr.data.records import Skipped

    rng = np.random.default_rng(0)
    (tmp_path / "a").mkdir()
    for i in range(200):
        noise = rng.integers(0, 256, (24, 32, 3)).astype(np.uint8)
        Pillow.fromarray(noise).resize((500, 375)).save(tmp_path / "a" / f"{i}.jpg")
    records = read_all(tmp_path, Columns(reads="images"), "fail", Skipped())
    encoder = create(ENCODERS, check_section("encoder", {"name": "image", "size": 160}, ""))
    started = time.perf_counter()
    encoder.check(records)
    seconds = time.perf_counter() - started
    print(f"\ndecoding 500 x 375 JPEG to 160 x 160, once a run: {200 / seconds:,.0f} pictures/s")


def test_tiles_beside_a_loop_over_patches() -> None:
    """Symbols to patches, forward + backward: 576 tiles of 16 pixels at 384 x 384, beside one slice a symbol."""
    from xmr.core.kinds import SymbolBatch, SymbolSpec

    space = PixelSpace(384, 384, (0.5,) * 3, (0.5,) * 3)
    section = check_section("transform", "symbol_tiles", "")
    transform = create(TRANSFORMS, section).build(SymbolSpec("ACGT"), space, torch.Generator().manual_seed(0))
    ids = torch.randint(0, 4, (8, 576))
    symbols = SymbolBatch(ids, torch.ones_like(ids, dtype=torch.bool), True)

    weights = torch.rand(8, 3, 384, 384)  # what a source's gradient is like: no two pixels the same

    def ours() -> None:
        transform(symbols).pixels.backward(weights)

    def loop() -> None:
        table = transform.tiles()
        canvas = torch.zeros(len(ids), 3, 384, 384)
        for place in range(576):
            top, left = place // 24 * 16, place % 24 * 16
            canvas[:, :, top : top + 16, left : left + 16] = table[ids[:, place]]
        canvas.backward(weights)

    fast, slow = rounds(ours, loop)
    print(
        f"\nsymbols to patches, loop over patches / vectorised: {slow / fast:.0f} ({1000 * fast:.1f} ms for 8 pictures)"
    )
