"""Searches against numbers worked by hand, and CMA-ES with random numbers of its own."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from xmr.errors import MissingExtraError, RecipeError
from xmr.training.zeroth_order.cma import CMA
from xmr.training.zeroth_order.learner import RULES
from xmr.training.zeroth_order.rgf import RGF, one_sided
from xmr.training.zeroth_order.settings import SearchSettings
from xmr.training.zeroth_order.spsa import SPSA, two_sided
from xmr.training.zeroth_order.zip import Zip


def numbers(*values):
    return torch.tensor(values, dtype=torch.float64)


def plane(z):
    """L = z_1 + 2 z_2."""
    return z[:, 0] + 2 * z[:, 1]


def searched(rule, loss, z, steps=60, chosen=None, level=1.0, until=None, search=None):
    """z after some steps, and the search."""
    search = search or rule(chosen or SearchSettings(), z.shape[1], 0, steps)
    begin = getattr(search, "begun", 0)
    for step in range(begin, until or steps):
        z = search.step(z, torch.full((len(z), 1), level, dtype=torch.float64), loss, step)
    search.begun = until or steps
    return z, search


def test_rgf_by_hand():
    z, u, mu = numbers([0.3, 0.1]), numbers([[0.6, 0.8]]), numbers([0.5])
    ahead = plane(z + mu * u[0])
    assert torch.allclose(ahead - plane(z), numbers(1.1))
    assert torch.allclose(one_sided(ahead[None], plane(z), u, mu), numbers([2.64, 3.52]))


def test_spsa_by_hand():
    z, delta, c = numbers([0.3, 0.1]), numbers([[0.5, -1.0]]), numbers([0.1])
    plus, minus = plane(z + c * delta[0]), plane(z - c * delta[0])
    assert torch.allclose(plus - minus, numbers(-0.3))
    gradient = two_sided(plus[None], minus[None], delta, c)
    assert torch.allclose(gradient, numbers([-3.0, 1.5]))
    search = SPSA(SearchSettings(momentum=0.5), 2, 0, 10)
    assert torch.allclose(-search.ahead(gradient), numbers([4.5, -2.25]))
    assert torch.allclose(-search.ahead(gradient), numbers([5.25, -2.625]))
    plain = SPSA(SearchSettings(momentum=0), 2, 0, 10)
    assert torch.equal(plain.ahead(gradient), gradient)


def test_zip_clips_to_the_root_of_the_number_of_numbers():
    search = Zip(SearchSettings(), 4, 0, 10)
    assert torch.allclose(search.clipped(numbers([3, 4, 0, 0])), numbers([1.2, 1.6, 0, 0]))
    assert torch.equal(search.clipped(numbers([1, 1, 0, 0])), numbers([1, 1, 0, 0]))
    assert search.momentum == 0


def test_cma_finds_a_minimum_and_repeats_itself():
    results = []
    for seed in (1, 2):
        np.random.seed(seed)  # noqa: NPY002
        before = np.random.get_state()[1].copy()  # noqa: NPY002
        chosen = SearchSettings(population=8, step=0.5)
        z, _ = searched(CMA, lambda z: (z - 1).square().sum(dim=1), torch.zeros(1, 4).double(), chosen=chosen)
        assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002
        results.append(z)
    assert torch.equal(*results)
    assert float((results[0] - 1).abs().max()) < 0.01


def test_cma_says_what_it_needs(monkeypatch):
    for d in (1, 201):
        with pytest.raises(
            RecipeError, match=r"training.subspace: found \d+ numbers to search by cma; expected 2 to 200"
        ):
            CMA(SearchSettings(), d, 0, 1)
    monkeypatch.setitem(__import__("sys").modules, "cma", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'xmr\[blackbox\]'"):
        CMA(SearchSettings(), 4, 0, 1)


@pytest.mark.parametrize(("name", "d", "count"), [("rgf", 9, 6), ("spsa", 9, 10), ("zip", 9, 10), ("cma", 48, 15)])
def test_losses_per_step(name, d, count):
    seen = []

    def loss(z):
        seen.append(z)
        return z.sum(dim=1)

    _, search = searched(RULES[name], loss, torch.zeros(2, d).double(), steps=1)
    assert len(seen) == search.evaluations == count
    if name == "rgf":
        assert torch.equal(seen[-1], torch.zeros(2, d).double()), "the last loss is that of z itself"


@pytest.mark.parametrize("name", [*RULES])
@pytest.mark.parametrize("stop", [1, 7])
def test_resumed_is_bit_identical_and_the_global_generators_stay(name, stop):
    def loss(z):
        return (z - torch.arange(6)).square().sum(dim=1)

    start = torch.zeros(2, 6).double()
    state = torch.get_rng_state()
    straight, _ = searched(RULES[name], loss, start, 12)
    z, search = searched(RULES[name], loss, start, 12, until=stop)
    again = RULES[name](SearchSettings(), 6, 0, 12)
    again.restore(search.tensors())
    again.begun = stop
    assert torch.equal(straight, searched(RULES[name], loss, z, 12, search=again)[0])
    assert torch.equal(state, torch.get_rng_state())
    other, _ = searched(RULES[name], loss, start, 12, chosen=SearchSettings(step=3.0))
    assert not torch.equal(straight, other)


@settings(max_examples=25, deadline=None)
@given(
    slope=st.floats(1e-6, 1e6), level=st.floats(1e-4, 1e2), step=st.floats(0.1, 10), d=st.integers(2, 40),
    name=st.sampled_from(["rgf", "spsa", "zip"]),
)  # fmt: skip
def test_the_first_step_has_the_size_that_was_asked_for(slope, level, step, d, name):
    """Whatever the loss: `step` levels, times 1 + b with momentum b."""
    slopes = slope * (1 + torch.rand(d, generator=torch.Generator().manual_seed(d)).double())  # signs never cancel
    z, _ = searched(
        RULES[name],
        lambda z: z @ slopes,
        torch.zeros(1, d).double(),
        1000,
        SearchSettings(step=step),
        level,
        1,
    )
    factor = 1.5 if name == "spsa" else 1.0
    assert math.isclose(float(z.square().mean().sqrt()), factor * step * level, rel_tol=1e-6)
    assert float(z @ slopes) <= 0, "downhill"


@pytest.mark.parametrize("name", [*RULES])
def test_it_goes_downhill(name):
    target = torch.linspace(-1, 1, 8).double()

    def loss(z):
        return (z - target).square().sum(dim=1)

    chosen = SearchSettings(step=0.5 if name == "cma" else 0.1, smoothing=0.01)
    z, _ = searched(RULES[name], loss, torch.zeros(1, 8).double(), 80, chosen)
    assert float(loss(z)) < 0.2 * float(loss(torch.zeros(1, 8).double()))


def test_a_flat_loss_moves_nothing():
    for rule in (RGF, SPSA, Zip):
        z, _ = searched(rule, lambda z: torch.ones(len(z)).double(), torch.zeros(1, 3).double(), 3)
        assert torch.equal(z, torch.zeros(1, 3).double())


def test_segmented_directions_stay_away_from_zero():
    seen = []

    def loss(z):
        seen.append(z.clone())
        return z.sum(dim=1)

    searched(SPSA, loss, torch.zeros(1, 500).double(), 10, SearchSettings(random="segmented", smoothing=1), 1.0, 1)
    size = seen[0].abs()
    assert float(size.min()) >= 0.5
    assert float(size.max()) <= 1
    assert 0.7 < float(size.mean()) < 0.8
