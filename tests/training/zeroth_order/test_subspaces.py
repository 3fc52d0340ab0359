"""The algebra of the subspaces."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.errors import RecipeError
from xmr.training.zeroth_order import subspaces
from xmr.training.zeroth_order.settings import SubspaceSettings
from xmr.training.zeroth_order.subspaces import Gaussian, LowRank, blocks_of, make_subspace


def made(kind, shapes, size=None, image=(8, 8), rank=5):
    return make_subspace(SubspaceSettings(kind=kind, size=size, rank=rank), list(map(torch.Size, shapes)), image, 0, 1)


def test_low_rank_by_hand():
    space = LowRank([torch.arange(3), torch.arange(3, 6)], 4, 1, 0)
    z = torch.tensor([1.0, 2.0, 3.0, 1.0, -1.0, 0.5, 0.0]).double()  # U, s, V, v
    assert torch.equal(space.theta(z), torch.tensor([[3.5, -3.0], [6.5, -6.0]]).double())
    first, second = (matrix @ row for matrix, row in zip(space.matrices, space.theta(z)))
    assert torch.equal(space.change(z), torch.cat([first, second]))
    assert made("low_rank", [(8, 512)], image=None).size == 417, "ZIP's number for CLIP's 8 tokens of context"


@pytest.mark.parametrize("kind", [None, "low_frequency", "random", "low_rank"])
def test_the_start_changes_nothing(kind):
    shapes = [torch.Size([3, 8, 8])]
    chosen = SubspaceSettings(kind=kind) if kind else None
    space = make_subspace(chosen, shapes, (8, 8), 0)
    start = space.start()
    assert start.shape == (space.size,)
    assert torch.equal(space.change(start), torch.zeros(192).double())
    assert space.size == {None: 192, "low_frequency": 48, "random": 100}.get(kind, space.size)


def test_low_frequencies_are_a_quarter_of_their_values():
    space = made("low_frequency", [(3, 8, 8), (2, 1, 8, 8)], 2)
    assert space.size == 5 * 4
    assert torch.allclose(space.change(torch.ones(20).double()), torch.full((5 * 64,), 0.25).double())
    corner = torch.zeros(20).double()
    corner[0] = 1
    image = space.change(corner)[:64].view(8, 8)
    assert image[0, 0] == 0.25
    assert image[7, 7] == 0
    assert torch.equal(image, image.T)


def test_low_frequencies_of_what_is_no_image_are_refused():
    said = (
        r"training.subspace.kind: found low_frequency of size 4 for a parameter of shape \(20, 384\); expected random"
    )
    for shapes, image in ([(20, 384)], None), ([(3, 8, 8), (20, 384)], (8, 8)):
        with pytest.raises(RecipeError, match=said):
            made("low_frequency", shapes, image=image)


@settings(max_examples=20, deadline=None)
@given(size=st.integers(1, 30), rows=st.integers(1, 3000), scale=st.floats(-3, 3))
def test_a_random_matrix_is_linear_and_the_same_whether_it_is_kept(size, rows, scale):
    kept, again = Gaussian(rows, size, 4), Gaussian(rows, size, 4)
    again.kept = None
    z = torch.linspace(-1, 2, size).double()
    assert torch.equal(kept @ z, again @ z)
    assert torch.allclose(kept @ (scale * z), scale * (kept @ z))
    assert not torch.equal(kept @ z, Gaussian(rows, size, 5) @ z)


def test_a_random_matrix_keeps_the_size_of_a_vector():
    z = torch.randn(100, generator=torch.Generator().manual_seed(0)).double()
    changed = Gaussian(20_000, 100, 1) @ z
    assert abs(float(changed.square().mean() / z.square().mean()) - 1) < 0.05


def test_large_ones_are_made_again_at_each_product(monkeypatch):
    monkeypatch.setattr(subspaces, "KEPT", 10)
    assert Gaussian(6, 2, 0).kept is None
    assert Gaussian(5, 2, 0).kept is not None


@settings(max_examples=30, deadline=None)
@given(
    shapes=st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=3),
    most=st.integers(1, 40),
)
def test_every_parameter_is_in_one_block(shapes, most):
    blocks = blocks_of([*map(torch.Size, shapes), torch.Size([2, 8, 8])], (8, 8), most)
    total = sum(torch.Size(shape).numel() for shape in shapes) + 128
    assert sorted(torch.cat(blocks).tolist()) == list(range(total))
    assert len(blocks) <= most


def test_images_are_cut_into_tiles():
    blocks = blocks_of([torch.Size([2, 8, 8])], (8, 8), 100)
    assert len(blocks) == 16
    assert blocks[0].tolist() == [0, 1, 8, 9, 64, 65, 72, 73]
