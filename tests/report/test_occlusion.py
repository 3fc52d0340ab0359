"""Occlusion: each drop is the difference a hidden part makes, worked out apart; what has no such answer has none."""

import dataclasses

import numpy as np
import pytest
import torch

from tests.test_program import build
from tests.tiny import tiny_source, tiny_vision
from xmr.core.kinds.base import spans as spans_of
from xmr.encoders.image import ImageEncoder
from xmr.encoders.series import SeriesEncoder
from xmr.encoders.table import TableEncoder
from xmr.program import Program
from xmr.report.attribution import attribution
from xmr.report.occlusion import occlusion
from xmr.tasks.base import task_class

SIDE = 6


def odds(program, batch, chosen):
    with torch.inference_mode():
        p = (
            program.eval()
            .task.probabilities(program(batch))
            .mean(dim=0)
            .double()
            .numpy()[np.arange(len(chosen)), chosen]
        )
    return np.log(p / (1 - p))


def other(encoder, transform, source, n=24, output="linear"):
    records = encoder.example(n, 0)
    encoder.fit(records)
    targets = task_class("classification").fit(records)
    program = Program.build(encoder, {"name": transform}, source, {"name": output}, targets, 2, 0)
    for answer in program.outputs:  # heads start at zero: let them say something
        torch.nn.init.normal_(answer.linear.weight, generator=torch.Generator().manual_seed(0))
    return program, encoder.encode(records).batch(np.arange(4))


def test_a_symbol_hidden_is_any_letter():
    program, records = build(tiny_source(), 2, n=6)
    for answer in program.outputs:
        torch.nn.init.normal_(answer.linear.weight, generator=torch.Generator().manual_seed(0))
    batch = program.encoder.encode(records).batch(np.arange(6))
    found = occlusion(program, batch, 400)
    assert found.drops.shape == batch.ids.shape
    assert (np.isnan(found.drops) == ~batch.mask.numpy()).all()
    before = odds(program, batch, found.predicted)
    ids = batch.ids.clone()
    ids[:, 2] = program.encoder.spec.symbols.index("X")
    after = odds(program, dataclasses.replace(batch, ids=ids), found.predicted)
    np.testing.assert_allclose(found.drops[:, 2], before - after, atol=1e-4)
    assert np.abs(found.drops[:, 2]).max() > 1e-3
    page = attribution(program, batch)
    assert page.count("<p ") == 4
    assert all(letter in page for letter in "ACDE")


def test_spans_share_a_long_record_evenly():
    mask = torch.tensor([[True] * 10, [True] * 3 + [False] * 7])
    spans = spans_of(mask, 5)
    assert spans[0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert spans[1].tolist() == [0, 1, 2] + [-1] * 7


def test_a_patch_hidden_is_the_mean_colour():
    program, batch = other(ImageEncoder(size=12), "watermark", tiny_vision("resnet"))
    found = occlusion(program, batch)
    assert found.drops.shape == (4, SIDE * SIDE)
    values = batch.values.clone()
    values[:, :, 2:4, 4:6] = batch.values.mean(dim=(2, 3), keepdim=True)
    after = odds(program, dataclasses.replace(batch, values=values), found.predicted)
    np.testing.assert_allclose(found.drops[:, SIDE + 2], odds(program, batch, found.predicted) - after, atol=1e-4)
    assert attribution(program, batch).startswith("<svg")


def test_a_stretch_hidden_is_the_mean_of_the_record():
    program, batch = other(SeriesEncoder(), "signal_image", tiny_vision("resnet"))
    found = occlusion(program, batch, 4)
    values = batch.values.clone()
    part = torch.tensor(found.patches == 1)[:, None].expand_as(values)
    values[part] = values.mean(dim=2, keepdim=True).expand_as(values)[part]
    after = odds(program, dataclasses.replace(batch, values=values, precomputed=None), found.predicted)
    np.testing.assert_allclose(found.drops[:, 1], odds(program, batch, found.predicted) - after, atol=1e-4)
    assert attribution(program, batch).startswith("<svg")


def test_a_column_hidden_is_unknown():
    program, batch = other(TableEncoder(), "feature_tokens", tiny_source())
    found = occlusion(program, batch)
    spec = program.encoder.spec
    assert found.drops.shape[1] == len(spec.names)
    numbers, missing = batch.numbers.clone(), batch.missing.clone()
    numbers[:, 0], missing[:, 0] = 0, True
    after = odds(program, dataclasses.replace(batch, numbers=numbers, missing=missing), found.predicted)
    np.testing.assert_allclose(found.drops[:, 0], odds(program, batch, found.predicted) - after, atol=1e-4)
    categories = batch.categories.clone()
    categories[:, 0] = spec.categories[0].unseen
    after = odds(program, dataclasses.replace(batch, categories=categories), found.predicted)
    column = len(spec.numbers)
    np.testing.assert_allclose(found.drops[:, column], odds(program, batch, found.predicted) - after, atol=1e-4)
    assert attribution(program, batch).startswith("<svg")


@pytest.mark.parametrize("task", ["regression", "multilabel", "sequence_labeling"])
def test_other_tasks(task):
    program, records = build(tiny_source(), 1, n=6, task=task)
    batch = program.encoder.encode(records).batch(np.arange(4))
    found = occlusion(program, batch)
    assert (found is None) == (task == "sequence_labeling")
    assert (attribution(program, batch) == "") == (task == "sequence_labeling")
