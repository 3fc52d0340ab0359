"""One shared suite for all components, like scikit-learn's `check_estimator`. Each check raises AssertionError.

from xmr.testing import check_transform
check_transform({"name": "my_transform", "width": 3}, source)
"""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xmr.core.component import KINDS, check_section, create, help_of, section_model
from xmr.core.kinds import Batch
from xmr.core.modules import Modules
from xmr.core.registry import ENCODERS, OUTPUTS, TRANSFORMS
from xmr.core.spaces import (
    PixelInput,
    PixelSpace,
    PooledFeatures,
    TokenFeatures,
    TokenInput,
    TokenSpace,
    WaveInput,
    WaveSpace,
)
from xmr.encoders.base import Encoder
from xmr.program import Program
from xmr.sources.base import Source
from xmr.tasks.base import task_class
from xmr.training.loop import LabelledSet

TOLERANCE = 2e-4


def _section(kind: str, section: dict[str, Any] | str) -> dict[str, Any]:
    """The section with defaults; every argument must be documented."""
    checked = check_section(kind, section, "conformance")
    component = KINDS[kind].get(checked["name"])
    words = help_of(component)
    missing = [name for name in section_model(component).model_fields if name not in words]
    assert not missing, f"{checked['name']}: arguments without a line in the docstring's Args: {missing}"
    return checked


def _batch(encoder: Encoder, records: Any, index: list[int]) -> Batch:
    return encoder.encode(records).batch(np.array(index))


def _encoder_for(takes: str) -> str:
    """The first registered encoder that emits what a transform takes."""
    return next(entry.name for entry in ENCODERS if entry.fact("emits") == takes)


def check_encoder(section: dict[str, Any] | str, task: str = "classification") -> None:
    """Shapes, masks, batch invariance, training-only statistics, state round trip, determinism."""
    encoder: Encoder = create(ENCODERS, _section("encoder", section))
    encoder.configure(64)
    records = encoder.example(24, 0, task)
    assert encoder.emits == ENCODERS.entry(encoder.section["name"]).fact("emits")
    assert encoder.example(24, 0, task).inputs == records.inputs, "example must depend only on its seed"
    assert not encoder.check(records), "its own example must be readable"
    encoder.fit(records.take(range(16)))
    before = json.dumps(encoder.state())
    data = encoder.encode(records)
    assert json.dumps(encoder.state()) == before, "encode must not learn from the records it encodes"
    assert len(data) == len(records)
    assert len(encoder.encode(records.take([]))) == 0, "a split without a validation part has an empty one"
    whole, one = data.batch(np.arange(len(records))), data.batch(np.array([3]))
    assert not whole.problems(encoder.spec), "; ".join(whole.problems(encoder.spec))
    if whole.windows is None:
        assert torch.equal(whole.row(3), one.row(0)), "a record's values must not depend on its batch"
    again: Encoder = create(ENCODERS, encoder.section).restore(json.loads(before))
    first = np.array([0])
    assert torch.equal(again.encode(records).batch(first).row(0), data.batch(first).row(0))


def check_transform(section: dict[str, Any] | str, source: Source, encoder: dict[str, Any] | str | None = None) -> None:
    """Cell of the grid, shapes, padding invariance, a gradient in every parameter, merging, determinism."""
    checked = _section("transform", section)
    entry = TRANSFORMS.entry(checked["name"])
    assert entry.fact("takes") == entry.load().takes, "the registry and the class must name the same cell"  # type: ignore[attr-defined]
    assert entry.fact("space") == entry.load().space  # type: ignore[attr-defined]
    made: Encoder = create(ENCODERS, _section("encoder", encoder or _encoder_for(entry.fact("takes"))))
    made.configure(40, tokenize=source.tokenize)
    records = made.example(6, 1)
    made.fit(records)

    def build() -> Any:
        generator = torch.Generator().manual_seed(5)
        built = create(TRANSFORMS, checked).build(made.spec, source.space, generator)
        built.set_feature_extractor(lambda inputs: source(inputs).features.detach(), source.hidden_width, generator)
        return built

    transform, twin = build(), build()
    for (name, one), (_, other) in zip(transform.named_parameters(), twin.named_parameters()):
        assert torch.equal(one, other), f"{name} must depend only on the generator"
    for epoch in range(3):
        transform.on_epoch(epoch, 4)
    _wake(transform)
    batch = _batch(made, records, list(range(6)))
    trained = transform(batch)  # as in training: batch norm may use the whole batch
    fed = trained.values()
    weights = torch.randn(fed.shape, generator=torch.Generator().manual_seed(3))
    (fed.square() * weights).sum().backward()
    transform.eval()
    inputs = transform(batch)
    assert not inputs.problems(source.space, batch), "; ".join(inputs.problems(source.space, batch))
    for row in range(6):
        alone = transform(_batch(made, records, [row]))
        assert torch.allclose(alone.row(0), inputs.row(row)[: len(alone.row(0))], atol=1e-5), (
            "padding must not matter, nor the rest of the batch"
        )
    for name, parameter in transform.named_parameters():
        if parameter.requires_grad and parameter.numel() and not _waits(transform, name):
            assert parameter.grad is not None, f"{name} got no gradient"
            assert bool((parameter.grad != 0).any()), f"{name} got a zero gradient"
    folded = transform.merge()
    for row in range(6):
        assert torch.allclose(folded.eval()(batch).row(row), inputs.row(row), atol=1e-5), "merge changed the numbers"


def _wake(module: torch.nn.Module) -> None:
    """Change parameters that start at zero, because others would have no gradient."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in module.parameters():
            if not bool(parameter.any()):
                parameter.normal_(0.0, 0.05, generator=generator)


def _waits(module: torch.nn.Module, name: str) -> bool:
    """Whether a parameter belongs to another stage of the method (a sparse map before or after its support is
    fixed).
    """
    return name in module.idle()  # type: ignore[operator]


def check_source(source: Source) -> None:
    """Space, frozen weights, checksum, padding and batch invariance, a gradient to the input, class logits."""
    space = source.space
    source.train()
    assert not source.training, "a frozen source stays in eval mode"
    assert not any(parameter.requires_grad for parameter in source.parameters())
    check: Any = {"token": _check_language, "pixel": _check_vision, "wave": _check_audio}[source.space_kind]
    check(source, space)
    source.assert_unchanged()
    first = next(source.parameters(), None)
    if first is not None:
        with torch.no_grad():
            first.view(-1)[0] += 1e-3
        assert source.checksum() != source._frozen_checksum, "the checksum must see every weight"
        with torch.no_grad():
            first.view(-1)[0] -= 1e-3


def _check_vision(source: Source, space: PixelSpace) -> None:
    """Features and class logits of a record do not depend on its batch; the source normalizes."""
    shape = (3, space.channels, space.height, space.width)
    pixels = torch.rand(shape, generator=torch.Generator().manual_seed(2)).requires_grad_()
    answer = source(PixelInput(pixels))
    assert isinstance(answer, PooledFeatures)
    assert answer.features.shape == (3, source.hidden_width)
    alone = source(PixelInput(pixels[1:2]))
    assert torch.allclose(alone.features[0], answer.features[1], atol=TOLERANCE), (
        "the other records of a batch must not matter"
    )
    mean, std = (torch.tensor(x)[:, None, None] for x in (space.mean, space.std))
    own = source(PixelInput((pixels - mean) / std, normalized=True))
    assert torch.allclose(own.features, answer.features, atol=TOLERANCE), "the source normalizes as its space states"
    (answer.features * torch.randn(answer.features.shape, generator=torch.Generator().manual_seed(4))).sum().backward()
    assert pixels.grad is not None
    assert bool((pixels.grad != 0).any()), "the gradient must reach the input"
    assert source.answers(answer.features).shape == (3, source.classes)


def _check_audio(source: Source, space: WaveSpace) -> None:
    """Features and class logits of a clip do not depend on its batch; a spectrum gives the same as its wave."""
    waves = (torch.randn(3, space.samples, generator=torch.Generator().manual_seed(2)) * 0.1).requires_grad_()
    answer = source(WaveInput(waves=waves))
    assert isinstance(answer, PooledFeatures)
    assert answer.features.shape == (3, source.hidden_width)
    alone = source(WaveInput(waves=waves[1:2]))
    assert torch.allclose(alone.features[0], answer.features[1], atol=TOLERANCE), (
        "the other records of a batch must not matter"
    )
    if space.spectrum is not None:
        heard = source(WaveInput(spectrum=space.spectrum(waves)))
        assert torch.allclose(heard.features, answer.features, atol=TOLERANCE), (
            "a wave and its spectrum must give the same features"
        )
    (answer.features * torch.randn(answer.features.shape, generator=torch.Generator().manual_seed(4))).sum().backward()
    assert waves.grad is not None
    assert bool((waves.grad != 0).any()), "the gradient must reach the input"
    assert source.answers(answer.features).shape == (3, source.classes)


def _check_language(source: Source, space: TokenSpace) -> None:
    """Hidden states at the content, independent of padding; special tokens around it."""
    width = space.width
    generator = torch.Generator().manual_seed(2)
    lengths = torch.tensor([3, 7, 5])
    mask = torch.arange(7) < lengths[:, None]
    embeddings = torch.randn(3, 7, width, generator=generator) * 0.1
    embeddings.requires_grad_()
    answer: TokenFeatures = source(TokenInput(embeddings, mask, 0, 7))
    assert answer.hidden.shape[-1] == source.hidden_width
    assert answer.aligned.shape[1] == 7
    assert torch.equal(answer.mask.sum(1) - mask.sum(1), (answer.mask.sum(1) - mask.sum(1))[:1].expand(3))
    for row, n in enumerate(lengths.tolist()):
        alone = source(TokenInput(embeddings[row : row + 1, :n], mask[row : row + 1, :n], 0, n, True))
        assert torch.allclose(alone.aligned[0], answer.aligned[row, :n], atol=TOLERANCE), "padding must not matter"
    (answer.aligned * mask[..., None]).square().sum().backward()
    assert embeddings.grad is not None
    assert bool((embeddings.grad != 0)[mask].any()), "the gradient must reach the input"
    assert source.answers(answer.aligned).shape[-1] == source.classes


def check_output(section: dict[str, Any] | str, source: Source, task: str = "classification") -> None:
    """Shapes, a gradient in every parameter, a training step in a whole program, save -> load -> same numbers."""
    checked = _section("output", section)
    pixel = source.space_kind == "pixel"
    modality, cell = "protein", "free_embedding"
    if source.space_kind in ("pixel", "wave"):
        modality, cell = ("image", "border") if pixel else ("series", "wave_pattern")
    encoder: Encoder = create(ENCODERS, check_section("encoder", modality, "conformance"))
    encoder.configure(30)
    records = encoder.example(20, 3, task)
    encoder.fit(records)
    targets = task_class(task).fit(records)
    assert task in OUTPUTS.get(checked["name"]).tasks  # type: ignore[attr-defined]
    transform = check_section("transform", cell, "conformance")
    program = Program.build(encoder, transform, source, checked, targets, programs=2, seed=1)
    labelled = LabelledSet(encoder.encode(records), targets.encode(records))
    before = source.checksum()
    parameters = program.trained_parameters()
    optimizer = torch.optim.SGD(parameters, lr=1e-3)
    for epoch in range(2):
        for batch in labelled.data.training_batches(8, 400, np.random.default_rng(epoch)):
            program.train()
            logits = program(labelled.data.batch(batch))
            target = targets.batch_targets(labelled.target, labelled.data, batch)
            loss = targets.loss(logits, target).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            for output in program.outputs:
                output.update(target)
        for output in program.outputs:
            output.on_epoch()
    for name, parameter in program.named_parameters():
        if parameter.requires_grad:
            assert parameter.grad is not None, f"{name} got no gradient"
            assert bool(torch.isfinite(parameter.grad).all()), f"{name} got a gradient that is not finite"
    assert source.checksum() == before, "the source changed"
    values = program.predict_each(labelled.data)
    assert bool(torch.isfinite(values).all())
    if targets.classes:
        assert torch.allclose(values.sum(-1), torch.ones(values.shape[:-1]), atol=1e-4)
    _round_trip(program, labelled, values)


def _round_trip(program: Program, labelled: LabelledSet, values: torch.Tensor) -> None:
    """Merge and restore the program as saving does, and compare the numbers."""
    folded = copy.copy(program)
    folded._modules = dict(program._modules)
    folded.transforms = Modules(t.merge() for t in program.transforms)
    folded.outputs = Modules(o.merge(program.source) for o in program.outputs)
    assert torch.allclose(folded.predict_each(labelled.data), values, atol=1e-4), "merging must not change the numbers"
    with tempfile.TemporaryDirectory() as folder:
        from safetensors.torch import load_file, save_file

        path = Path(folder, "x.safetensors")
        state = {k: v.contiguous().clone() for k, v in folded.outputs.state_dict().items()}
        save_file(state, path)
        folded.outputs.load_state_dict(load_file(path))
    assert torch.allclose(folded.predict_each(labelled.data), values, atol=1e-4), "saving must not change the numbers"
