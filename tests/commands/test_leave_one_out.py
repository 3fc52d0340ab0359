import numpy as np
import pytest
import torch

from xmr.commands.sweep.leave_one_out import TIES, left_out_score, left_out_votes, measure
from xmr.errors import RecipeError
from xmr.job import load_job
from xmr.outputs.ridge import Ridge
from xmr.recipe.load import load_recipe

SMALL = [
    "data.split.n_labelled=24",
    "data.split.test=200",
    "data.split.validation=0",
    "source={name: identity, width: 8}",
]
SMALL += ["data.split.by=random", "baselines=[]", "ensemble=2"]


def features(job, member):
    data, program = job.sets["train"].data, job.program.eval()
    found = []
    with torch.no_grad():
        for record in range(len(data)):  # one at a time: no batch, no padding
            batch = data.batch(np.array([record]))
            found.append(program.outputs[member].pool(program.source(program.transforms[member](batch)), batch))
    return torch.cat(found).numpy()


def test_votes_are_the_mean_of_heads_that_never_saw_the_record():
    job = load_job(load_recipe("protein/amp", SMALL))
    votes = left_out_votes(job).numpy()
    truth = np.eye(2)[job.sets["train"].target.numpy()] * 2 - 1
    both = []
    for member in range(2):
        head = job.program.outputs[member]
        assert isinstance(head, Ridge)
        both.append(head.solve(torch.from_numpy(features(job, member)), torch.from_numpy(truth).float()))
    np.testing.assert_allclose(votes, np.mean(both, axis=0), atol=1e-4)
    assert not np.allclose(both[0], both[1], atol=1e-2)  # two programs, two draws
    target = job.sets["train"].target.numpy()
    pairs = votes[target == 1, 1][:, None] - votes[target == 0, 1][None]
    auroc = float((pairs > 0).mean())
    assert left_out_score(job) == pytest.approx(auroc - TIES * np.mean((votes - truth) ** 2), abs=1e-6)


def test_noise_is_not_better_than_chance():
    scores = []
    for seed in range(8):
        job = load_job(load_recipe("protein/amp", [*SMALL, "data.shuffle_labels=true", f"seed={seed}", "ensemble=1"]))
        scores.append(left_out_score(job))
    assert np.mean(scores) < 0.6


def test_regression_and_a_head_by_gradient(tmp_path):
    recipe = load_recipe(
        "table/diabetes", ["data.split.n_labelled=60", "source={name: identity, width: 16}", "ensemble=1"]
    )
    assert -1 < measure(recipe, tmp_path)["left_out"] < 1.5
    assert (tmp_path / "left_out.json").is_file()
    with pytest.raises(RecipeError, match="found 'linear'; expected ridge or kernel_ridge"):
        left_out_votes(load_job(load_recipe("protein/amp", [*SMALL, "output={name: linear}"])))
