"""What every task answers for, and that no other file asks which task it holds."""

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from xmr.core.prediction import Prediction
from xmr.core.registry import TASKS
from xmr.data.records import Records
from xmr.errors import RecipeError
from xmr.recipe.load import load_recipe
from xmr.report.figures import FIGURES
from xmr.tasks.base import restore_task, task_class
from xmr.tasks.classification import Classification
from xmr.tasks.forecasting import Forecasting
from xmr.tasks.multilabel import Multilabel
from xmr.tasks.sequence_labeling import SequenceLabeling

TEXTS = ["ACDE", "AC", "DEF", "GA"]
LABELLED = [name for name in TASKS.names() if task_class(name).has_labels]


def example(name: str) -> Records:
    labels = task_class(name).example_labels(
        [0.1, 0.4, 0.2, 0.9], [True, False, True, False], ["HHCC", "EE", "HCH", "CC"]
    )
    return Records.of(TEXTS, labels)


@pytest.mark.parametrize("name", LABELLED)
def test_labels_become_targets_a_loss_metrics_and_a_table(name):
    records = example(name)
    task = task_class(name).fit(records)
    assert task_class(name).check_labels(records) == task.check(records) == {}
    assert restore_task(task.state()) == task
    target = task.encode(records)
    logits = torch.randn(2, len(target), task.outputs, generator=torch.Generator().manual_seed(0))
    assert task.loss(logits, target).shape == (2,)
    values = task.probabilities(logits).mean(dim=0).numpy()
    found = task.metrics(values, target)
    assert task.main_metric in found
    lengths = np.array([len(text) for text in TEXTS])
    assert set(task.interval(values, target, lengths if task.per_position else None)) <= set(found)
    prediction = Prediction(records.ids, values, np.zeros_like(values), lengths if task.per_position else None)
    header, rows = task.table(prediction)
    assert len(rows) == len(records)
    assert {len(row) for row in rows} == {len(header)}
    assert task.is_header(header)
    assert set(task.figures) <= set(FIGURES)


@pytest.mark.parametrize("name", TASKS.names())
def test_the_registry_and_the_class_agree(name):
    assert task_class(name).name == name


def test_a_forecast_has_a_column_per_step():
    task = Forecasting.steps(3)
    header, rows = task.table(Prediction(["a"], np.ones((1, 3)), np.zeros((1, 3))))
    assert header == ["id", "t+1", "t+2", "t+3"]
    assert len(rows) == 1
    assert [task_class(name).is_header(header) for name in TASKS.names()].count(True) == 1


def test_labels_are_shuffled_over_records_or_positions():
    records = Records.of(["A"] * 50, {"y": ["1"] * 25 + ["0"] * 25})
    Classification.shuffle_labels(records, np.random.default_rng(0))
    assert sorted(records.labels["y"]) == ["0"] * 25 + ["1"] * 25
    assert records.labels["y"] != ["1"] * 25 + ["0"] * 25
    residues = Records.of(["ACDE", "AC"], {"y": ["HHCC", "EE"]})
    SequenceLabeling.shuffle_labels(residues, np.random.default_rng(1))
    assert [len(text) for text in residues.labels["y"]] == [4, 2]
    assert sorted("".join(residues.labels["y"])) == sorted("HHCCEE")


def test_an_unknown_task_is_named_with_the_nearest():
    with pytest.raises(RecipeError, match="did you mean regression"):
        load_recipe("protein/amp", ["task=regresion"])


def asked(tree: ast.AST) -> list[int]:
    """Lines that choose by a task's name: comparisons, cases of a match, keys of a dictionary."""
    names = set(TASKS.names())

    def named(node: ast.AST | None) -> bool:
        return node is not None and any(
            isinstance(part, ast.Constant) and isinstance(part.value, str) and part.value in names
            for part in ast.walk(node)
        )

    return [
        node.lineno if hasattr(node, "lineno") else node.pattern.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Compare) and named(node))
        or (isinstance(node, ast.match_case) and named(node.pattern))
        or (isinstance(node, ast.Dict) and any(isinstance(key, ast.Constant) and named(key) for key in node.keys))
    ]


def test_only_tasks_ask_which_task_it_is():
    package = Path(__file__).parents[2] / "xmr"
    files = [path for path in package.rglob("*.py") if "tasks" not in path.relative_to(package).parts]
    found = [f"{path.relative_to(package)}:{line}" for path in files for line in asked(ast.parse(path.read_text()))]
    assert not found, f"give the task an attribute or a method (xmr/tasks/base.py): {found}"


def test_what_counts_as_asking():
    assert len(asked(ast.parse("a == 'regression'\nb in ('x', 'forecasting')\n{'multilabel': 1}"))) == 3
    assert not asked(ast.parse("f('regression'); {'task': 'regression'}; tasks = ('classification',)"))


def test_names_that_hold_a_bar_or_a_backslash_are_told_apart():
    """`a|b` and `a`, `b` are other predictions; `a\\` and `|b` are not `a|`, `b`."""
    names = ("a|b", "a", "b", "a\\", "|b")
    held = np.array([[1, 0, 0, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 1, 1]], dtype=float)
    made = Prediction(("0", "1", "2"), held, np.zeros_like(held))
    said = [r"a\|b", "a|b", r"a\\|\|b"]
    assert [row[1] for row in Multilabel(names).table(made)[1]] == said
    assert Classification(names, "label").within(held, 0.5)["prediction_set"] == said
