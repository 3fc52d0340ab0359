"""Speed on a GPU, as ratios within one run: `make bench-gpu`, or `python -m tests.benchmarks.gpu --device cuda`.

For minilm, and for random sources of the size of BERT-base and ViT-B: a training step beside the bare frozen network,
compiled, forward and backward to its input; prediction beside its bare forward pass, compiled; records per second, and
the peak of the device's memory. Pairs are timed in turns, after waiting for the device; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoModelForImageClassification, BertConfig, ViTConfig

from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS, SOURCES
from xmr.core.spaces import PixelSpace
from xmr.data.records import Records
from xmr.program import Program
from xmr.sources.base import Source
from xmr.sources.hf_text import HFText
from xmr.sources.vision import HFImage
from xmr.tasks.base import task_class
from xmr.training.devices import make_accelerator
from xmr.training.precision import autocast, resolve_precision
from xmr.training.settings import TrainingSettings
from xmr.training.work import LabelledSet, Work

BASE = {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072}
TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
LENGTH, SIDE = 64, 224


@dataclass
class Row:
    """What was measured of a source. Ratios are of seconds: ours over the bare network's; mib: peak of the memory."""

    source: str
    step: float
    predict: float
    trained_per_second: float
    predicted_per_second: float
    mib: float | None


def minilm() -> Source:
    """From its pip package."""
    return create(SOURCES, {"name": "minilm"}).load()


def bert(size: dict[str, int]) -> Source:
    """A random BERT."""
    return HFText("random-bert").adopt(AutoModel.from_config(BertConfig(**size)))


def vit(size: dict[str, int], side: int) -> Source:
    """A random ViT."""
    model = AutoModelForImageClassification.from_config(ViTConfig(**size, image_size=side, num_labels=1000))
    return HFImage("random-vit").adopt(model, PixelSpace(side, side, (0.5,) * 3, (0.5,) * 3))


def records_of(space: str, n: int, side: int) -> Records:
    """Peptides of one length, or images of the source's size."""
    rng = np.random.default_rng(0)
    labels = {"label": [str(i % 2) for i in range(n)]}
    if space == "pixel":
        made = create(ENCODERS, check_section("encoder", {"name": "image", "size": side}, ""))
        records = made.from_array(rng.integers(0, 256, (n, side, side, 3), dtype=np.uint8))
        records.labels = labels
        return records
    return Records.of(["".join(rng.choice(list("ACDEFGHIKLMNPQRSTVWY"), size=LENGTH)) for _ in range(n)], labels)


class Measured:
    """A program in front of a source, and the bare network on inputs of the same shape."""

    def __init__(self, source: Source, device: torch.device, batch: int, n: int, side: int, backend: str) -> None:
        self.device, self.batch, self.n = device, batch, n
        space = source.space_kind
        records = records_of(space, n, side)
        section = {"name": "protein"} if space == "token" else {"name": "image", "size": side}
        encoder = create(ENCODERS, check_section("encoder", section, "")).configure(510).fit(records)
        targets = task_class("classification").fit(records)
        name = "free_embedding" if space == "token" else "watermark"
        parts = check_section("transform", name, ""), source, check_section("output", "linear", "")
        self.program = Program.build(encoder, *parts, targets).to(device)
        self.data = LabelledSet(encoder.encode(records), targets.encode(records))
        settings = TrainingSettings(batch_tokens=batch * LENGTH, batch_size=batch, epochs=1, compile="off")
        self.precision = resolve_precision("auto", device)
        source.compile_network(backend)
        self.work = Work(self.program, self.data, None, settings, 0, self.precision, make_accelerator(str(device)))
        self.chosen, _ = self.work.batches(0)[0]
        with torch.no_grad():
            shown = self.program.transforms[0](self.data.data.batch(self.chosen).to(device))
        self.input = shown.values().detach().clone().requires_grad_()

    def bare(self) -> torch.Tensor:
        """The network alone, on an input of the same shape."""
        body: Any = self.program.source.body
        if self.program.source.space_kind == "token":
            return body(inputs_embeds=self.input).last_hidden_state
        return body(pixel_values=self.input).logits

    def bare_step(self) -> None:
        """Forward and backward to the input."""
        with autocast(self.precision, self.device):
            found = self.bare()
        found.float().mean().backward()
        self.input.grad = None

    def bare_predict(self) -> None:
        """As many forward passes as there are batches."""
        with torch.inference_mode():
            for _ in range(-(-self.n // len(self.chosen))):
                self.bare()

    def row(self, name: str, rounds: int) -> Row:
        """All figures."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        step, bare = self._timed(rounds, lambda: self.work.step(self.chosen, 1), self.bare_step)
        predict, forward = self._timed(rounds, lambda: self.program.predict_each(self.data.data), self.bare_predict)
        mib = torch.cuda.max_memory_allocated(self.device) / 2**20 if self.device.type == "cuda" else None
        return Row(name, step / bare, predict / forward, len(self.chosen) / step, self.n / predict, mib)

    def _timed(self, rounds: int, *functions: Callable[[], object]) -> list[float]:
        taken: list[list[float]] = [[] for _ in functions]
        for number in range(rounds + 2):  # the first two compile
            for times, function in zip(taken, functions):
                self._wait()
                started = time.perf_counter()
                function()
                self._wait()
                if number > 1:
                    times.append(time.perf_counter() - started)
        return [statistics.median(times) for times in taken]

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def measure(device: torch.device, tiny: bool = False, backend: str = "inductor", rounds: int = 7) -> list[Row]:
    """A row for each source. tiny: small ones, to see that this runs."""
    size, side, batch, n = (TINY, 32, 4, 8) if tiny else (BASE, SIDE, 64, 1024)
    sources = {"random BERT-base": lambda: bert(size), "random ViT-B": lambda: vit(size, side)}
    if not tiny:
        sources = {"minilm": minilm, **sources}
    return [Measured(make(), device, batch, n, side, backend).row(name, rounds) for name, make in sources.items()]


def main() -> None:
    """Print the rows as a table, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise SystemExit("no GPU: torch.cuda.is_available() is False")
    rows = measure(device)
    if asked.json:
        print(json.dumps([asdict(row) for row in rows], indent=2))
        return
    print("| source | step / bare | predict / bare | trained per second | predicted per second | peak MiB |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        memory = "" if row.mib is None else f"{row.mib:,.0f}"
        rates = f"{row.trained_per_second:,.0f} | {row.predicted_per_second:,.0f}"
        print(f"| {row.source} | {row.step:.2f} | {row.predict:.2f} | {rates} | {memory} |")


if __name__ == "__main__":
    main()
