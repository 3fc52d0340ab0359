"""Symbols as tiles of a picture: layout by hand and against a loop over patches, clipping, limits, gradients."""

import numpy as np
import pytest
import torch

from tests.tiny import tiny_vision
from xmr.core.component import check_section, create
from xmr.core.kinds import SymbolBatch, SymbolSpec
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.core.spaces import PixelSpace
from xmr.errors import RecipeError
from xmr.transforms.tiles import LaidTiles

SPACE = PixelSpace(7, 10, (0.5, 0.25, 0.4), (0.5, 0.5, 0.2))  # 2 x 3 tiles of 3 pixels, with a margin
LETTERS = SymbolSpec("AC", (("X", "AC"),))


def made(space=SPACE, spec=LETTERS, **settings):
    section = check_section("transform", {"name": "symbol_tiles", "patch": 3, **settings}, "test")
    return create(TRANSFORMS, section).build(spec, space, torch.Generator().manual_seed(0))


def batch(*rows):
    length = max(map(len, rows))
    ids = torch.tensor([[*row, *[0] * (length - len(row))] for row in rows])
    mask = torch.tensor([[i < len(row) for i in range(length)] for row in rows])
    return SymbolBatch(ids, mask, bool(mask.all()))


def slow(transform, symbols, space):
    """The published form: one slice a symbol, in a loop."""
    p = transform.patch
    mean, std = (torch.tensor(x)[:, None, None] for x in (space.mean, space.std))
    letters = torch.tanh(transform.theta)
    table = torch.cat([letters, torch.einsum("ma,acpq->mcpq", transform.blends, letters)])
    canvas = torch.zeros(len(symbols.ids), space.channels, space.height, space.width)
    for row in range(len(symbols.ids)):
        for place in range(int(symbols.mask[row].sum())):
            top, left = (place // (space.width // p)) * p, (place % (space.width // p)) * p
            canvas[row, :, top : top + p, left : left + p] = table[symbols.ids[row, place]]
    return (canvas * std + mean).clamp(0, 1)


def test_equals_a_loop_over_patches():
    transform = made()
    symbols = batch([0, 1, 1, 0], [1], [2, 2, 0, 1, 0, 2])
    ours, theirs = transform(symbols).pixels, slow(transform, symbols, SPACE)
    assert torch.allclose(ours, theirs, atol=1e-6)
    weights = torch.randn(ours.shape)
    one = torch.autograd.grad((ours * weights).sum(), transform.theta)[0]
    other = torch.autograd.grad((theirs * weights).sum(), transform.theta)[0]
    assert torch.allclose(one, other, atol=1e-5)


def test_a_sequence_longer_than_the_picture_is_refused():
    transform = made()
    assert transform.capacity(SPACE) == 6
    with pytest.raises(ValueError, match="a sequence of 7 symbols; the source's image holds 6 tiles"):
        transform(batch([0] * 7))
    with pytest.raises(RecipeError, match=r"transform\.patch: found 8; expected at most the source's side of 7 pixels"):
        made(patch=8)


def test_long_proteins_become_windows_of_what_the_picture_holds():
    """A protein longer than the tiles is several pictures, whose features are averaged."""
    from xmr.data.records import Records
    from xmr.program import Program
    from xmr.tasks.base import task_class

    source = tiny_vision()
    encoder = create(ENCODERS, check_section("encoder", "protein", ""))
    section = check_section("transform", {"name": "symbol_tiles", "patch": 8}, "")
    encoder.configure(create(TRANSFORMS, section).capacity(source.space))
    records = Records.of(["ACDEFGHIKLMNPQRSTVWY" * 2, "ACD"], {"label": ["a", "b"]})
    encoder.fit(records)
    assert encoder.encode(records).windowed
    targets = task_class("classification").fit(records)
    program = Program.build(encoder, section, source, check_section("output", "linear", ""), targets).eval()
    both = program.predict(records).values
    assert np.allclose(program.predict(records.take([1])).values, both[1:], atol=1e-5)
    assert both.shape == (2, 2)


def test_gradients_equal_finite_differences():
    source = tiny_vision("resnet").double()
    transform = made(PixelSpace(32, 32, source.space.mean, source.space.std), patch=8).double()
    symbols, weights = batch([0, 1, 1, 0], [1, 0]), torch.randn(source.hidden_width).double()

    def loss():
        return (source(transform(symbols)).features @ weights).sum()

    loss().backward()
    flat, place = transform.theta.data.view(-1), int(transform.theta.grad.view(-1).abs().argmax())
    values = []
    for step in (1e-7, -1e-7):
        flat[place] += step
        values.append(float(loss().detach()))
        flat[place] -= step
    assert (values[0] - values[1]) / 2e-7 == pytest.approx(float(transform.theta.grad.view(-1)[place]), rel=2e-3)


def test_a_base_picture_shows_through(tmp_path):
    from PIL import Image as Pillow

    values = torch.randint(0, 256, (12, 12, 3), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    Pillow.fromarray(values.numpy()).save(tmp_path / "cat.png")
    base = values.permute(2, 0, 1).float() / 255
    section = {"name": "symbol_tiles", "patch": 3, "base": str(tmp_path / "cat.png"), "alpha": 0.25}
    space = PixelSpace(12, 12, (0.4, 0.5, 0.6), (0.2, 0.3, 0.25))
    plain = {**section, "base": None, "alpha": 1.0}
    both = [
        create(TRANSFORMS, check_section("transform", made, "test")).build(
            SymbolSpec("ACGT"), space, torch.Generator().manual_seed(0)
        )
        for made in (section, plain)
    ]
    ids = torch.tensor([[0, 1, 2, 3, 0]])
    symbols = SymbolBatch(ids, torch.ones_like(ids, dtype=torch.bool), True)
    over, alone = (transform(symbols).pixels[0] for transform in both)
    covered = torch.zeros(12, 12, dtype=torch.bool)
    covered[:3] = covered[3:6, :3] = True
    assert torch.allclose(over[:, covered], 0.75 * base[:, covered] + 0.25 * alone[:, covered], atol=1e-6)
    assert torch.allclose(over[:, ~covered], base[:, ~covered], atol=1e-6)
    folded = both[0].merge()
    assert folded.section["base"] == "saved"
    again = create(TRANSFORMS, folded.section).build(SymbolSpec("ACGT"), space, torch.Generator().manual_seed(9))
    again.load_state_dict(folded.state_dict())
    assert torch.equal(again(symbols).pixels[0], over), "the program needs no picture file"
    with pytest.raises(RecipeError, match=r"transform.base: found .*dog.png"):
        create(TRANSFORMS, {**section, "base": str(tmp_path / "dog.png")}).build(
            SymbolSpec("ACGT"), space, torch.Generator()
        )


def test_gradients_of_laid_tiles_by_finite_differences():
    ids = torch.randint(0, 5, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    tiles = torch.rand(5, 3, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(2)).requires_grad_()
    assert torch.autograd.gradcheck(lambda t: LaidTiles.apply(ids, t), (tiles,))
