"""Patches of a picture as tokens: order, norms, limits, gradients against finite differences."""

import pytest
import torch

from tests.tiny import tiny_source
from xmr.core.component import check_section, create
from xmr.core.kinds import ImageBatch, ImageSpec
from xmr.core.registry import TRANSFORMS
from xmr.errors import RecipeError


def made(source, spec=None, **settings):
    section = check_section("transform", {"name": "patch_projection", **settings}, "test")
    return create(TRANSFORMS, section).build(spec or ImageSpec(1, 4, 6), source.space, torch.Generator().manual_seed(0))


def test_tokens_by_hand(source):
    """Token t is W (2 x - 1) + b of the t-th patch, row by row, at the norm of the source's words."""
    transform = made(source, patch=2, rescale=False)
    values = torch.rand(2, 1, 4, 6)
    inputs = transform(ImageBatch(values))
    assert inputs.embeddings.shape == (2, 6, source.space.width)
    patch = values[1, 0, 2:4, 4:6].reshape(-1) * 2 - 1  # the last of the second row
    by_hand = transform.linear.weight @ patch + transform.linear.bias
    assert torch.allclose(inputs.embeddings[1, 5], by_hand, atol=1e-5)
    scaled = made(source, patch=2)(ImageBatch(values)).embeddings
    assert torch.allclose(scaled.norm(dim=-1), source.space.row_norm().expand(2, 6), rtol=1e-4)


def test_patches_that_do_not_fit_are_said(source):
    with pytest.raises(RecipeError, match=r"transform\.patch: found 4; expected a divisor of 4 and 6 pixels"):
        made(source, patch=4)
    with pytest.raises(RecipeError, match=r"which makes 400 tokens; expected at most 62 tokens"):
        made(source, ImageSpec(1, 20, 20), patch=1)


def test_gradients_equal_finite_differences():
    source = tiny_source().double()
    transform = made(source, patch=2).double()
    image = ImageBatch(torch.rand(2, 1, 4, 6).double())
    weights = torch.randn(source.hidden_width).double()

    def loss():
        return (source(transform(image)).aligned @ weights).sum()

    loss().backward()
    for parameter in transform.parameters():
        flat, place = parameter.data.view(-1), int(parameter.grad.view(-1).abs().argmax())
        values = []
        for step in (1e-6, -1e-6):
            flat[place] += step
            values.append(float(loss().detach()))
            flat[place] -= step
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(float(parameter.grad.view(-1)[place]), rel=1e-4)
