"""Pictures of odd results are drawn without a warning, and words are the nearest ones."""

import warnings

import numpy as np
import torch
from matplotlib.figure import Figure

from xmr.report import plots
from xmr.report.learned import nearest_tokens


def test_an_interval_far_from_its_value():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        picture = plots.svg(plots.bars(["this program", "majority"], [0.3, 0.5], "auroc", [0.1, 1.0]), height=1.8)
    assert picture.startswith("<svg")


def test_every_picture_is_an_svg():
    rng = np.random.default_rng(0)
    label, score = rng.integers(0, 2, 50), rng.random(50)
    rows = [{"epoch": 1, "train_loss": 0.5, "score": 0.7}, {"epoch": 2, "train_loss": 0.4, "score": 0.8}]
    for draw in (
        plots.confusion(label, label, ("a", "b")),
        plots.roc({"program": (label, score)}),
        plots.precision_recall({"program": (label, score)}),
        plots.reliability(score, label == 1),
        plots.learning(rows, 2, "auroc"),
        plots.scatter(score, score, "y"),
        plots.positions(rng.random((100, 8)), rng.random((3, 8)), "ABC"),
    ):
        assert plots.svg(draw).startswith("<svg")


def test_names_are_text_and_never_mathematics_or_control_characters():
    names, label = ("$", "$\\foo$", "a\x07b"), np.array([0, 1, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for draw in (plots.confusion(label, label, names), plots.bars(list(names), [0.1, 0.2, 0.3], "auroc", None)):
            assert plots.svg(draw).startswith("<svg")


def test_nearest_tokens_by_hand():
    embedding = torch.tensor([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0]])
    found = nearest_tokens(torch.tensor([[3.0, 0.1]]), embedding, ("x", "y", "xy"), 2)
    assert [word for word, _ in found[0]] == ["x", "xy"]


def test_a_search_is_shown_by_its_questions():
    rows = [
        {"epoch": 0, "score": 0.2, "questions": 15},
        {"epoch": 1, "train_loss": 0.5, "questions": 35},
        {"epoch": 2, "train_loss": 0.4, "score": 0.8, "questions": 70},
    ]
    axes = Figure().subplots()
    plots.learning(rows, 2, "accuracy")(axes)
    assert axes.get_xlabel() == "questions to the source"
    line, chosen = axes.figure.axes[1].get_lines()
    assert [*line.get_xdata()] == [15, 70]
    assert [*chosen.get_xdata()] == [70, 70]
