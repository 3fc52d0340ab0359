"""`xmr run` of a search over a source that only answers: killed anywhere and resumed, it asks nothing twice."""

from __future__ import annotations

import json
from typing import Any, ClassVar, Self

import numpy as np
import pytest
from safetensors.numpy import load_file

from xmr.commands.run import run
from xmr.core.registry import SOURCES
from xmr.recipe.load import load_recipe
from xmr.sources.black_box import BlackBox
from xmr.sources.media import Images
from xmr.training.interrupt import TrainingInterruptedError

RECIPE = """task: classification
data: {dataset: digits, split: {by: random, test: 20, n_labelled: 30, validation: 0.3333}}
encoder: {name: image, channels: 1}
source: {name: test_box}
transform: {name: watermark, units: pixel}
output: {name: bayesian_plus_mapping}
training: {epochs: 2, batch_size: 10, optimizer: spsa, subspace: {kind: low_frequency, size: 2}}
"""


class TestBox(BlackBox):
    """Ten classes of 8 x 8 images; remembers everything that it was asked, over all of its objects.

    Args:
        queries: budget.
    """

    __test__ = False
    space_kind: ClassVar[str] = "pixel"
    asked: ClassVar[list[bytes]] = []

    def __init__(self, queries: int | None = None) -> None:
        super().__init__(queries=queries, batch=10)

    def load(self, seed: int = 0) -> Self:
        self.medium = Images(8, 8, 8)
        self.weights = np.random.default_rng(0).normal(size=(192, 10))
        return self.adopt({"name": "test_box"}, self.medium, 10)

    def ask(self, items: Any) -> np.ndarray:
        if len(items) > 2:  # those of the canary aside
            self.asked.extend(item.tobytes() for item in items)
        scores = self.medium.numbers(items).reshape(len(items), -1) @ self.weights
        exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        return exponentials / exponentials.sum(axis=1, keepdims=True)


@pytest.fixture
def recipe(tmp_path):
    SOURCES.add("test_box", TestBox, "for tests", space="pixel")
    TestBox.asked.clear()
    (tmp_path / "r.yaml").write_text(RECIPE)
    yield lambda *overrides: load_recipe(tmp_path / "r.yaml", [*overrides])
    del SOURCES._entries["test_box"]


def saved(folder):
    return load_file(folder / "program" / "program.safetensors")


@pytest.mark.parametrize("rule", ["rgf", "spsa", "zip", "cma"])
def test_a_resumed_run_is_the_same_program_and_asks_nothing_twice(recipe, tmp_path, rule):
    chosen = recipe(f"training.optimizer={rule}", "training.search.population=6", "source.queries=400")
    whole = run(chosen, tmp_path / "whole", device="cpu")
    asked = [*TestBox.asked]
    assert len({*asked}) == len(asked)
    for kill in (3,):
        TestBox.asked.clear()
        place, steps = tmp_path / f"killed{kill}", 0

        def report(event, kill=kill):
            nonlocal steps
            steps += event["kind"] == "step"
            if steps == kill:
                raise TrainingInterruptedError

        with pytest.raises(TrainingInterruptedError):
            run(chosen, place, device="cpu", report=report)
        resumed = run(chosen, place, device="cpu", resume=True)
        assert sorted(TestBox.asked) == sorted(asked)
        assert resumed["test"] == whole["test"]
        assert resumed["queries"] == {**whole["queries"], "canary": resumed["queries"]["canary"]}
        one, other = saved(place), saved(tmp_path / "whole")
        assert all(np.array_equal(one[name], other[name]) for name in other)


def test_a_spent_budget_is_said_and_counted(recipe, tmp_path):
    """20 training and 10 validation records; a step asks 100 times, and the last count 30 times."""
    lines = []
    chosen = recipe("training.optimizer=spsa", "source.queries=170", "training.epochs=9")
    result = run(chosen, tmp_path / "run", device="cpu", log=lines.append)
    assert [line for line in lines if "stopped after 1 steps: a search of one more step asks 200 questions" in line]
    assert result["queries"]["search"] <= 100
    assert sum(result["queries"][name] for name in ("training", "search", "validation")) <= 170
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["epochs_run"] == 1
