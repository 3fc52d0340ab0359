"""The kernel head: leaving out by really leaving out, its kernel by hand, landmarks, and saving it."""

import json

import numpy as np
import pytest
import torch

from tests.tiny import tiny_vision
from xmr.core.component import create
from xmr.core.registry import OUTPUTS
from xmr.outputs.kernel_ridge import STRENGTHS, kernel_ridge, square_distances
from xmr.program import Program
from xmr.recipe.load import load_recipe


def gaussian(rows, others):
    return np.exp(-((rows[:, None] - others[None]) ** 2).sum(axis=2) / 10)


def by_hand(kernel, truth, strength):
    """Kernel ridge with an unpenalized intercept: the saddle-point system of Suykens and Vandewalle 1999."""
    n = len(kernel)
    system = np.block([[np.zeros((1, 1)), np.ones((1, n))], [np.ones((n, 1)), kernel + strength * np.eye(n)]])
    solution = np.linalg.solve(system, np.concatenate([np.zeros((1, truth.shape[1])), truth]))
    return solution[1:], solution[0]


def test_leaving_one_out_is_refitting_without_it():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((15, 4))
    truth = np.where(rows[:, :1] + 0.5 * rng.standard_normal((15, 1)) > 0, 1.0, -1.0) * [[1, -1]]
    kernel = gaussian(rows, rows)
    weight, bias, left_out = kernel_ridge(kernel, np.arange(15), truth)
    centered = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    errors = {}
    for strength in STRENGTHS * np.trace(centered) / 15:
        scores = np.empty_like(truth)
        for i in range(15):
            rest = np.arange(15) != i
            alpha, intercept = by_hand(kernel[np.ix_(rest, rest)], truth[rest], strength)
            scores[i] = kernel[i, rest] @ alpha + intercept
        errors[strength] = (np.mean((scores - truth) ** 2), scores)
    strength = min(errors, key=lambda key: errors[key][0])
    np.testing.assert_allclose(left_out, errors[strength][1], atol=1e-6)
    alpha, intercept = by_hand(kernel, truth, strength)
    np.testing.assert_allclose(weight, alpha, atol=1e-6)
    np.testing.assert_allclose(bias, intercept, atol=1e-6)


def test_landmarks_that_are_all_records_change_nothing_and_some_come_close():
    rng = np.random.default_rng(1)
    rows = rng.standard_normal((60, 3))
    truth = np.sin(rows[:, :1])
    kernel = gaussian(rows, rows)
    weight, bias, left_out = kernel_ridge(kernel, np.arange(60), truth)
    whole = kernel @ weight + bias
    chosen = np.arange(0, 60, 2)
    weight, bias, some = kernel_ridge(kernel[:, chosen], chosen, truth)
    np.testing.assert_allclose(kernel[:, chosen] @ weight + bias, whole, atol=0.02)
    np.testing.assert_allclose(some, left_out, atol=0.2)


def test_the_kernel_by_hand():
    """Two programs, one block each: the mean of exp(-2 d^2 / median)."""
    source = tiny_vision()
    output = create(OUTPUTS, {"name": "kernel_ridge", "pool": "mean", "power": 1.0})
    output.programs = 2
    output.build(source, 2, None, torch.Generator())
    torch.manual_seed(0)
    rows = torch.randn(7, 2 * source.hidden_width)
    output.solve(rows, torch.nn.functional.one_hot(torch.arange(7) % 2).float() * 2 - 1)
    standard = ((rows - rows.mean(dim=0)) / rows.std(dim=0, correction=0)).half().float()
    expected = torch.zeros(7, 7)
    for block in standard.chunk(2, dim=1):
        distances = square_distances(block, block)
        median = distances[*torch.triu_indices(7, 7, 1)].median()
        expected += torch.exp(-2 * distances / median) / 2
    torch.testing.assert_close(output._kernel(standard), expected, atol=1e-5, rtol=0)


SMALL = [
    "data.split={by: random, test: 100, validation: 0, n_labelled: 40}",
    "source={name: identity, width: 8}",
    "output={name: kernel_ridge, domain_features: [kmers, descriptors]}",
    "transform={name: free_embedding, init: [random_tokens, property_tokens]}",
    "training.epochs=0",
    "ensemble=2",
    "baselines=[]",
]


def test_an_untrained_program_is_run_saved_and_loaded(tmp_path):
    from xmr.commands.run import run
    from xmr.job import load_job

    recipe = load_recipe("protein/amp", SMALL)
    metrics = run(recipe, tmp_path / "run")
    assert metrics["best_epoch"] == metrics["epochs_run"] == 0
    assert metrics["test"]["auroc"] > 0.6
    program = Program.load(tmp_path / "run")
    job = load_job(recipe)
    again = program.predict_each(job.sets["test"].data)
    assert again.shape[0] == 1, "one head for both programs"
    lines = (tmp_path / "run" / "predictions.csv").read_text().splitlines()
    name = job.task.names[1]
    column = lines[0].split(",").index(f"p[{name}]")
    written = np.array([float(line.split(",")[column]) for line in lines[1:]])
    assert np.abs(again[0, :, 1].numpy() - written).max() < 1e-4
    facts = json.loads((tmp_path / "run" / "program" / "program.json").read_text())
    assert facts["output"]["domain_features"] == ["kmers", "descriptors"]


def test_features_of_another_kind_are_refused():
    from xmr.errors import RecipeError

    with pytest.raises(RecipeError, match=r"output\.domain_features.*minirocket"):
        load_recipe("protein/amp", ["output={name: ridge, domain_features: [minirocket]}"])
