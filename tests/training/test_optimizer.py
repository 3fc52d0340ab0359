import math

import numpy as np
import pytest
import torch

from xmr.errors import RecipeError
from xmr.training.optimizer import make_optimizer, rate_at
from xmr.training.settings import TrainingSettings


def test_rate_warms_up_and_ends_at_zero():
    settings = TrainingSettings(warmup=0.2)
    lr_scales = [rate_at(step, 10, settings) for step in range(11)]
    assert np.allclose(lr_scales[:2], [1 / 3, 2 / 3])
    assert lr_scales[2] == 1.0
    assert math.isclose(lr_scales[6], 0.5)
    assert lr_scales[10] == 0


def test_other_schedules():
    steps = TrainingSettings(schedule="multistep", milestones=[0.5, 0.8], warmup=0)
    assert np.allclose([rate_at(step, 10, steps) for step in (0, 4, 5, 7, 8, 9)], [1, 1, 0.1, 0.1, 0.01, 0.01])
    assert {rate_at(step, 10, TrainingSettings(schedule="constant", warmup=0)) for step in range(10)} == {1.0}


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_nothing_to_train_is_an_error_and_rates_of_groups_stay_apart(name):
    settings = TrainingSettings(optimizer=name)
    with pytest.raises(RecipeError, match="without trainable parameters"):
        make_optimizer(settings, [])
    one, two = (torch.nn.Parameter(torch.zeros(1)) for _ in range(2))
    made = make_optimizer(settings, [{"params": [one], "lr": 0.1}, {"params": [two], "lr": 0.2}])
    assert [group["lr"] for group in made.param_groups] == [0.1, 0.2]
