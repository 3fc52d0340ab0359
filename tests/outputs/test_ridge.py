"""The closed-form head: leaving out by really leaving out, classes, folding, what it keeps between solutions."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as Reference

from tests.tiny import tiny_vision
from xmr.core.component import create
from xmr.core.registry import OUTPUTS
from xmr.outputs.ridge import STRENGTHS, Ridge, ridge, solve
from xmr.outputs.solved import Standardize, left_out_factor


@pytest.mark.parametrize("width", [6, 4000])
def test_leaving_one_out_is_refitting_without_it(width):
    """Also with so many features that the fit goes through all records, and says nothing of the side of an error."""
    rng = np.random.default_rng(0)
    side = np.where(np.arange(14) % 2, 1.0, -1.0)[:, None]
    features = (0.5 * side * rng.standard_normal(width) + rng.standard_normal((14, width))).astype(np.float32)
    truth = side * [[1, -1]]
    standard = ((features - features.mean(axis=0)) / features.std(axis=0)).astype(np.float64)
    found = ridge(standard, truth)[2]
    errors = {}
    for strength in STRENGTHS:
        scores = np.empty_like(truth)
        for i in range(14):
            rest = np.arange(14) != i
            scores[i] = Reference(strength).fit(standard[rest], truth[rest]).predict(standard[i : i + 1])
        errors[strength] = (np.mean((scores - truth) ** 2), scores)
    best = min(errors.values(), key=lambda pair: pair[0])[1]
    np.testing.assert_allclose(found, best, atol=1e-4)


def test_constant_features_say_nothing():
    rng = np.random.default_rng(1)
    features = np.concatenate([rng.standard_normal((20, 3)), np.full((20, 2), 7.0)], axis=1)
    truth = np.where(features[:, :1] > 0, 1.0, -1.0) * [[1, -1]]
    weight, bias = solve(features, truth)
    assert np.isfinite(weight).all()
    assert np.isfinite(bias).all()
    np.testing.assert_array_equal(weight[:, 3:], 0)
    assert ((features @ weight.T + bias).argmax(axis=1) == truth.argmax(axis=1)).mean() > 0.9


def test_the_factor_makes_left_out_scores_likeliest():
    scores = np.array([[0.2, -0.2], [0.1, -0.1], [-0.3, 0.3], [0.1, -0.1]])
    classes = np.array([0, 0, 1, 1])
    factor = left_out_factor(scores, classes)
    grid = np.logspace(-1, 2.5, 400)

    def loss(x):
        logits = x * scores
        return -np.mean(logits[np.arange(4), classes] - np.log(np.exp(logits).sum(axis=1)))

    assert loss(factor) <= min(loss(x) for x in grid) + 1e-3


def test_few_records_that_are_varied_are_passed_over_until_there_are_rows_enough():
    few, plain, never = (
        Ridge(update_every=2, min_fit_rows=100),
        Ridge(update_every=2),
        Ridge(update_every=0, min_fit_rows=100),
    )
    assert [few.refit_passes(n, True) for n in (7, 50, 51, 1000)] == [15, 2, 2, 2]
    assert few.refit_passes(7, False) == 2, "the same rows again say nothing"
    assert plain.refit_passes(7, True) == 2
    assert never.refit_passes(7, True) == 0


def made(update_every=1):
    source = tiny_vision()
    section = {"name": "ridge", "update_every": update_every}
    return create(OUTPUTS, section).build(source, 3, None, torch.Generator()).train()


def epoch(output, seed, n=9):
    torch.manual_seed(seed)
    for _ in range(2):
        output._seen = torch.randn(n, output.weight.shape[1])
        output.update(torch.randint(0, 3, (n,)))
    output.on_epoch()


def test_it_solves_as_often_as_asked_from_all_epochs_since():
    output = made(update_every=2)
    epoch(output, 0)
    assert not bool(output.weight.any())
    assert int(output.used) == 18
    epoch(output, 1)
    assert bool(output.weight.any())
    assert int(output.used) == 0
    never = made(update_every=0)
    never._seen = torch.randn(9, never.weight.shape[1])
    never.update(torch.arange(9) % 3)
    never.compute()  # before training
    before = never.weight.clone()
    epoch(never, 3)
    assert torch.equal(never.weight, before)
    assert int(never.used) == 0


def test_folding_is_a_linear_layer():
    output = made()
    epoch(output, 0)
    folded = output.merge(tiny_vision())
    features = torch.randn(5, output.weight.shape[1])
    torch.testing.assert_close(folded.linear(features), output.scores(features))


def test_signed_square_root_of_standardized_features():
    rows = torch.tensor([[1.0, 5.0], [3.0, 5.0], [8.0, 5.0]])
    z = Standardize(2, 0.5).fit(rows)(rows)
    # mean 4, standard deviation sqrt((9 + 1 + 16) / 3); the second feature is constant
    deviation = (26 / 3) ** 0.5
    expected = [-((3 / deviation) ** 0.5), -((1 / deviation) ** 0.5), (4 / deviation) ** 0.5]
    torch.testing.assert_close(z, torch.tensor([[each, 0.0] for each in expected]), atol=1e-5, rtol=0)


def test_a_power_keeps_the_gradient_finite_at_the_mean():
    rows = torch.tensor([[-1.0], [0.0], [1.0]])
    standardize = Standardize(1, 0.5).fit(rows)
    at_mean = torch.zeros(1, 1, requires_grad=True)
    standardize(at_mean).sum().backward()
    assert torch.isfinite(at_mean.grad).all()


def test_joined_programs_are_one_ridge_on_blocks_of_equal_weight():
    source = tiny_vision()
    output = create(OUTPUTS, {"name": "ridge", "joined": True, "power": 0.5})
    output.programs = 2
    output.build(source, 2, None, torch.Generator()).train()
    width = source.hidden_width
    assert output.widths == [width, width]
    assert output.reads_all
    torch.manual_seed(0)
    rows, target = torch.randn(12, 2 * width), torch.arange(12) % 2
    output._seen = rows
    output.update(target)
    output.compute()
    standard = Standardize(2 * width, 0.5).fit(rows)(rows).numpy()
    coefficients, intercept, _ = ridge(standard, np.eye(2)[target] * 2 - 1)
    scores, alone = output.scores(rows).detach().numpy(), standard @ coefficients.T + intercept
    ratio = (scores[:, 0] / alone[:, 0]).mean()
    np.testing.assert_allclose(scores, ratio * alone, rtol=1e-3, atol=1e-4)


def test_balanced_depths_weigh_the_last_features_as_much_as_the_layers_below():
    source = tiny_vision()
    source.own_width = source.hidden_width // 4
    output = create(OUTPUTS, {"name": "ridge", "balance_depths": True})
    output.build(source, 2, None, torch.Generator()).train()
    own, all_of_it = source.own_width, source.hidden_width
    assert output.blocks == [own, all_of_it - own]
    torch.manual_seed(0)
    rows, target = torch.randn(12, all_of_it), torch.arange(12) % 2
    output._seen = rows
    output.update(target)
    output.compute()
    standard = Standardize(all_of_it, 1.0).fit(rows)(rows).numpy().astype(np.float64)
    standard[:, :own] *= np.sqrt(all_of_it / 2 / own)
    standard[:, own:] *= np.sqrt(all_of_it / 2 / (all_of_it - own))
    coefficients, intercept, _ = ridge(standard, np.eye(2)[target] * 2 - 1)
    scores, alone = output.scores(rows).detach().numpy(), standard @ coefficients.T + intercept
    ratio = (scores[:, 0] / alone[:, 0]).mean()
    np.testing.assert_allclose(scores, ratio * alone, rtol=1e-3, atol=1e-4)
