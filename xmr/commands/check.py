"""What a recipe would take: shapes, parameters, memory and time, from one measured step, without training."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from xmr.baselines.registry import BASELINES
from xmr.commands.leaks import leaks
from xmr.core.batching import tokens_at_once
from xmr.core.component import create
from xmr.core.kinds import Batch
from xmr.core.registry import ENCODERS, SOURCES
from xmr.encoders.base import Encoder
from xmr.errors import DataUnavailableError, MissingExtraError, SourceUnavailableError, XmrError, reason
from xmr.job import assemble, make_encoder
from xmr.program import Program
from xmr.recipe.recipe import Recipe, case_of
from xmr.sources.base import Source
from xmr.training.optimizer import check_optimizer
from xmr.training.precision import autocast, resolve_precision
from xmr.training.work import LabelledSet
from xmr.training.zeroth_order.learner import SearchLearner


def estimate(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Name and value of everything worth knowing before training.

    What is missing on this machine comes first, all of it: the source, the data, and packages of baselines. Where a
    public data set or the package it is in is not here, shapes are those of synthetic records, and it says so. Raises
    DataError for what is wrong with the data.
    """
    yield "recipe", "valid"
    source, why = _source(recipe)
    encoder = create(ENCODERS, recipe.encoder).configure() if source is None else make_encoder(recipe, source)
    prepared, unread = _prepared(recipe, encoder, source is not None)
    if source is None:
        yield "source", f"not loaded here, so shapes, memory and time are not known ({why})"
    if prepared is None:
        yield "data", f"not read ({unread}){'; shapes below are of synthetic records' if source is not None else ''}"
    suiting = BASELINES.suiting(case_of(recipe))
    for name in recipe.baselines:
        if name in suiting and (lacks := suiting[name].missing):
            yield f"baseline {name}", lacks
    if source is not None:
        yield from _measured(recipe, source, encoder, prepared)


def _source(recipe: Recipe) -> tuple[Source | None, str]:
    """The recipe's source; None where it is not on this machine, with the reason."""
    try:
        return create(SOURCES, recipe.source).load(recipe.seed), ""
    except (SourceUnavailableError, MissingExtraError) as error:
        return None, str(error)


def _prepared(recipe: Recipe, encoder: Encoder, configured: bool) -> tuple[Any, str]:
    """The recipe's data; None where it is not on this machine, with the reason.

    Without its source, an encoder may not be able to read: then every error counts as one that is to be reported.
    """
    try:
        return encoder.prepare(recipe.data, recipe.task, recipe.seed), ""
    except (DataUnavailableError, MissingExtraError) as error:
        return None, str(error)
    except (XmrError, AttributeError, TypeError, AssertionError) as error:
        if configured:
            raise
        return None, reason(error)


def _measured(recipe: Recipe, source: Source, encoder: Encoder, prepared: Any) -> Iterator[tuple[str, str]]:
    """Shapes, parameters, memory and time; of synthetic records where the data is not here."""
    tested: LabelledSet | None = None
    sets: dict[str, LabelledSet] = {}
    if prepared is not None:
        job = assemble(recipe, encoder, source, prepared)
        program, training, sets = job.program, job.sets["train"], job.sets
        tested = job.sets["test"]
        yield "data", prepared.summary()
        for text in leaks(job)["alarms"]:
            yield "beware", text
    else:
        program, training = _synthetic(recipe, source)
    settings, rng = recipe.training, np.random.default_rng(0)
    plan = training.data.training_batches(settings.batch_size, settings.batch_tokens, rng)
    batch = max(plan, key=len)
    encoded = training.data.batch(batch)
    with torch.no_grad():
        inputs = program.transforms[0](encoded)
    yield "encoded", encoded.describe(program.encoder.spec)
    yield "source input", f"{inputs.describe()} x {len(program.transforms)} programs"
    check_optimizer(program, settings)
    evaluations = 0
    if settings.searches and settings.epochs:
        search = SearchLearner(program, settings, recipe.seed, lambda _: 1)
        evaluations = search.evaluations
        asked = len(training) * settings.epochs_of(len(plan)) * evaluations * len(program.transforms)
        asked *= source.hidden_width // source.own_width if source.questions is not None else 1
        yield "search", f"{search.size:,} numbers per program, {evaluations} losses per step: {asked:,} records asked"
    if source.questions is not None:
        yield from _questions(source, sets)
        return
    precision = resolve_precision(recipe.training.precision, program.device)
    wanted = program.task.batch_targets(training.target, training.data, batch)
    step = _measure(program, encoded, wanted, precision, evaluations)
    trainable = sum(p.numel() for p in program.trained_parameters())
    frozen = program.source.parameter_count()
    for line in program.encoder.describe():
        name, _, what = line.partition(": ")
        yield name, what
    yield "target logits", f"{step.shape} (programs, records, classes)"
    yield "trainable parameters", f"{trainable:,}"
    yield "frozen parameters", f"{frozen:,}"
    yield "precision", precision
    yield (
        "memory",
        f"about {(step.kept_bytes + 4 * frozen + 16 * trainable) / 2**20:,.0f} MiB in training (weights and one batch)",
    )
    if tested is None:  # how many records there are is not known
        yield "one step", f"about {_duration(step.seconds)}, {len(batch)} records"
        return
    epoch = step.seconds * len(plan)
    plan_of_test = tested.data.prediction_batches(tokens_at_once(program.device))
    test_tokens = sum(len(b) * int(tested.data.width[b].max()) for b in plan_of_test)
    yield "one epoch", f"{len(plan)} steps, about {_duration(epoch)}"
    epochs = recipe.training.epochs_of(len(plan))
    yield "training", f"at most {_duration(epoch * epochs)} on this machine"
    yield "test", f"about {_duration(step.forward_seconds * test_tokens / encoded.cost)}"


def _questions(source: Source, sets: dict[str, LabelledSet]) -> Iterator[tuple[str, str]]:
    """How many questions a source that only answers would be asked; nothing is asked for it."""
    assert source.questions is not None
    views = source.hidden_width // source.own_width
    counts = {name: len(part) * views for name, part in sets.items()}
    start = counts.get("train", 0) + counts.get("validation", 0)
    if sets:
        source.questions.plan(start, len(sets["train"]), len(sets["validation"]))
    listed = ", ".join(f"{number:,} for {name}" for name, number in counts.items())
    price = source.questions.price
    cost = f", at {price:g} each {sum(counts.values()) * price:,.2f}" if price else ""
    yield "questions", f"{listed or 'one for each record'}{cost}; a search asks more, baselines that use the source too"


@dataclass(frozen=True)
class _Step:
    """One training step over a batch. shape: of the logits; kept_bytes: held for the backward pass."""

    shape: tuple[int, ...]
    kept_bytes: int
    seconds: float
    forward_seconds: float


def _measure(program: Program, encoded: Batch, wanted: torch.Tensor, precision: str, evaluations: int) -> _Step:
    """Run a few steps: the first to see what they keep, the others to time them.

    evaluations: losses per step of a search, or 0 for a step by gradient.
    """
    kept = 0

    def count(saved: torch.Tensor) -> torch.Tensor:
        """Add up the bytes kept for the backward pass."""
        nonlocal kept
        kept += saved.numel() * saved.element_size()
        return saved

    def step(hooks: AbstractContextManager[Any]) -> tuple[float, tuple[int, ...]]:
        """One forward and backward pass -> (seconds, shape of the logits)."""
        started = time.perf_counter()
        with hooks, autocast(precision, program.device):
            logits = program(encoded)
        program.task.loss(logits.float(), wanted).sum().backward()
        return time.perf_counter() - started, tuple(logits.shape)

    program.train()
    _, shape = step(torch.autograd.graph.saved_tensors_hooks(count, lambda saved: saved))
    seconds = 0.0 if evaluations else min(step(nullcontext())[0] for _ in range(2))
    program.eval()
    program.zero_grad(set_to_none=True)
    with torch.inference_mode():
        started = time.perf_counter()
        program(encoded)
        forward = time.perf_counter() - started
    return _Step(shape, kept, seconds or evaluations * forward, forward)


def _synthetic(recipe: Recipe, source: Source) -> tuple[Program, LabelledSet]:
    """The recipe's program on synthetic records, where its data is not here."""
    encoder = make_encoder(recipe, source)
    records = encoder.example(64, 0, recipe.task)
    encoder.fit(records)
    task = encoder.targets(recipe.task, records)
    data = encoder.encode(records)
    length = int(data.width[0]) if encoder.one_length else None
    program = Program.build(
        encoder, recipe.transform, source, recipe.output, task, recipe.ensemble, recipe.seed, length
    )
    return program, LabelledSet(data, task.encode(records))


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
