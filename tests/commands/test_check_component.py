"""`xmr check-component`: named checks, all failures at once, of whatever a plugin file adds."""

from dataclasses import replace

import pytest

from xmr.baselines.registry import BASELINES
from xmr.cli.app import execute
from xmr.core.registry import TASKS
from xmr.metrics.registry import METRICS
from xmr.testing.baselines import BaselineChecks
from xmr.testing.checks import run_checks
from xmr.testing.metrics import MetricChecks
from xmr.testing.sources import source_checks
from xmr.testing.stand_ins import SPACES, stand_in
from xmr.testing.tasks import TaskChecks

BROKEN = """
import torch
from torch import nn
from xmr.baselines.base import Baseline, where
from xmr.baselines.registry import BASELINES
from xmr.core.registry import TRANSFORMS
from xmr.core.spaces import TokenInput
from xmr.transforms.base import Transform


class Leaky(Transform):
    takes, space = "symbols", "token"

    def __init__(self, width: int = 1) -> None:
        super().__init__()

    def build(self, spec, space, generator):
        self.weight = nn.Parameter(torch.randn(len(spec.symbols), space.width))
        self.unused = nn.Parameter(torch.ones(3))
        return self

    def forward(self, encoded):
        embeddings = self.weight[encoded.ids] + 0.1 * encoded.ids.shape[1]
        return TokenInput(embeddings, encoded.mask, 0, encoded.ids.shape[1], encoded.full)


TRANSFORMS.add("leaky", Leaky, "looks at the padding")
BASELINES.add(Baseline("coin", "a coin", where(emits="symbols"), lambda data: torch.rand(len(data.sets["test"]), 2)))
"""


pytestmark = pytest.mark.usefixtures("registries")


@pytest.fixture
def broken(tmp_path):
    path = tmp_path / "leaky.py"
    path.write_text(BROKEN)
    return str(path)


def test_all_failures_of_a_broken_component_are_listed(broken, capsys):
    assert execute(["check-component", broken]) == 1
    shown = capsys.readouterr().out
    for failure in (
        "transform leaky: FAILED  every_argument_is_documented: arguments without a line",
        "transform leaky: FAILED  parameters_depend_only_on_the_generator: weight differs",
        "transform leaky: FAILED  padding_and_the_batch_do_not_matter: record 0 has other values",
        "transform leaky: FAILED  every_parameter_gets_a_gradient: no gradient reaches unused",
        "transform leaky: ok      its_values_fit_the_source",
        "baseline coin: FAILED  it_leaves_global_generators_alone",
    ):
        assert failure in shown
    assert shown.splitlines()[-1].endswith(" failed")


def test_one_component_and_failures_that_are_expected(broken, capsys):
    assert execute(["check-component", broken, "coin", "--expect-failure", "probabilities_sum_to_one"]) == 1
    shown = capsys.readouterr().out
    assert "leaky" not in shown
    assert "baseline coin: xfail   probabilities_sum_to_one" in shown


def test_wrong_use_is_answered(broken, tmp_path, capsys):
    assert execute(["check-component", broken, "leeky"]) == 2
    assert "did you mean leaky" in capsys.readouterr().err
    empty = tmp_path / "empty.py"
    empty.write_text("")
    assert execute(["check-component", str(empty)]) == 2
    assert "found no new component; expected a call such as TRANSFORMS.add(...)" in capsys.readouterr().err
    assert execute(["check-component", str(tmp_path / "none.py")]) == 2


def test_an_unknown_expected_failure_is_answered(tmp_path, capsys):
    path = tmp_path / "again.py"
    path.write_text(BROKEN)
    assert execute(["check-component", str(path), "coin", "--expect-failure", "shape"]) == 2
    assert "expected failure: found 'shape'" in capsys.readouterr().err


@pytest.mark.parametrize("space", SPACES)
def test_the_random_sources_pass(space):
    assert not [str(outcome) for outcome in run_checks(source_checks(stand_in(space))) if outcome.failed]


@pytest.mark.parametrize("name", TASKS.names())
def test_every_task_passes(name):
    assert not [str(outcome) for outcome in run_checks(TaskChecks(name)) if outcome.failed]


@pytest.mark.parametrize("metric", list(METRICS), ids=lambda metric: metric.name)
def test_every_metric_passes(metric):
    assert not [str(outcome) for outcome in run_checks(MetricChecks(metric)) if outcome.failed]


def test_a_metric_of_the_wrong_direction_fails():
    wrong = replace(METRICS.get("accuracy"), higher_is_better=False)
    outcomes = {outcome.check: outcome.problem for outcome in run_checks(MetricChecks(wrong))}
    assert outcomes["right_predictions_are_better_than_random_ones"] is not None


@pytest.mark.parametrize("name", ["majority", "kmer_logistic", "window_linear", "pixel_logistic", "seasonal_naive"])
def test_baselines_pass(name):
    baseline = BASELINES.named(name)[0]
    assert not [str(outcome) for outcome in run_checks(BaselineChecks(baseline)) if outcome.failed]
