"""The figures of a report, each as inline SVG, so that one HTML file holds everything."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter
from sklearn import metrics as sk

from xmr.errors import visible

BLUE, ORANGE, GREY = "#2f6db3", "#d9822b", "#9aa3ad"
_STYLE: Any = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "svg.hashsalt": "xmr",
    "svg.fonttype": "path",
    "text.parse_math": False,  # a class may be called $ or $$
    "text.usetex": False,
}


def svg(draw: Callable[[Axes], None], width: float = 4.2, height: float = 3.2) -> str:
    """Run `draw` on fresh axes -> an <svg> element."""
    return panels([draw], width, height)


def panels(draws: Sequence[Callable[[Axes], None]], width: float = 3.4, height: float = 3.0) -> str:
    """Several axes in a row -> an <svg> element."""
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width * len(draws), height), layout="constrained")
        for draw, axes in zip(draws, figure.subplots(1, len(draws), squeeze=False)[0]):
            draw(axes)
        _escape(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()[out.getvalue().index("<svg") :]


def _escape(figure: Figure) -> None:
    """Control characters in the texts of a figure as their escapes."""
    for text in figure.findobj(Text):
        text.set_text(visible(text.get_text()))
    for axis in (axis for axes in figure.axes for axis in (axes.xaxis, axes.yaxis)):
        formatter = axis.get_major_formatter()
        if isinstance(formatter, FuncFormatter):  # labels of `set_xticks`
            axis.set_major_formatter(FuncFormatter(partial(_label, formatter)))


def _label(formatter: FuncFormatter, value: float, position: int | None = None) -> str:
    return visible(formatter(value, position))


def learning_curves(
    curves: dict[str, list[tuple[str, float, float]]], kinds: dict[str, str], metric: str
) -> Callable[[Axes], None]:
    """Learning curves: (training-set size, mean, standard deviation) per row; controls are thin, baselines dashed."""
    order = list(dict.fromkeys(size for points in curves.values() for size, _, _ in points))

    def draw(axes: Axes) -> None:
        for row, points in curves.items():
            places = [order.index(size) for size, _, _ in points]
            means, spreads = ([point[place] for point in points] for place in (1, 2))
            style: dict[str, Any] = {
                "program": {"color": ORANGE, "linewidth": 2.5, "zorder": 3},
                "baseline": {"linestyle": "--", "linewidth": 1.2},
                "control": {"linestyle": ":", "linewidth": 1.0},
            }[kinds[row]]
            axes.errorbar(places, means, yerr=spreads, marker="o", markersize=3, capsize=2, label=row, **style)
        axes.set_xticks(range(len(order)), order)
        axes.set(xlabel="labelled training records", ylabel=f"test {metric}")
        axes.legend(fontsize=7, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return draw


def tried(name: str, values: Sequence[str], scores: Sequence[float], score: str) -> Callable[[Axes], None]:
    """The score of every combination of a sweep over one field's values; score: name of the metric."""
    shown = sorted(set(values), key=_natural)

    def draw(axes: Axes) -> None:
        axes.plot([shown.index(value) for value in values], scores, "o", color=BLUE, alpha=0.7)
        axes.set_xticks(range(len(shown)), shown, rotation=30, ha="right")
        axes.set(xlabel=name, ylabel=f"{score} score")

    return draw


def _natural(text: str) -> tuple[int, float, str]:
    """Numbers by value, followed by texts in alphabetical order."""
    try:
        return (0, float(text), "")
    except ValueError:
        return (1, 0.0, text)


def confusion(label: np.ndarray, chosen: np.ndarray, names: tuple[str, ...]) -> Callable[[Axes], None]:
    """Counts of true (rows) and predicted (columns) classes."""
    counts = sk.confusion_matrix(label, chosen, labels=range(len(names)))

    def draw(axes: Axes) -> None:
        axes.imshow(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1), cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*counts.shape):
            if len(names) <= 12:
                dark = counts[row, column] > 0.55 * counts[row].sum()
                color = "white" if dark else "#1b1f23"
                axes.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=color)
        axes.set_xticks(range(len(names)), names, rotation=30 if len(names) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="predicted", ylabel="true", title="Confusion")
        axes.grid(False)

    return draw


def heat(weights: np.ndarray, rows: list[str], columns: list[str]) -> Callable[[Axes], None]:
    """A label mapping: weights (source classes, target classes)."""

    def draw(axes: Axes) -> None:
        axes.imshow(weights, cmap="Blues", vmin=0, aspect="auto")
        axes.set_xticks(range(len(columns)), columns, rotation=90 if max(map(len, columns)) > 2 else 0)
        axes.set_yticks(range(len(rows)), rows, fontsize=7)
        axes.set(xlabel="target class", title="Label mapping")
        axes.grid(False)

    return draw


def roc(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> Callable[[Axes], None]:
    """ROC curves: name -> (binary truth, score). The first is the program."""

    def draw(axes: Axes) -> None:
        for number, (name, (truth, score)) in enumerate(curves.items()):
            x, y, _ = sk.roc_curve(truth, score)
            area = sk.roc_auc_score(truth, score)
            axes.plot(x, y, color=_color(number), lw=1.8 if number == 0 else 1.1, label=f"{name} {area:.3f}")
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        axes.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC (area)")
        axes.legend(frameon=False, loc="lower right")

    return draw


def precision_recall(curves: dict[str, tuple[np.ndarray, np.ndarray]]) -> Callable[[Axes], None]:
    """Precision over recall: name -> (binary truth, score)."""

    def draw(axes: Axes) -> None:
        for number, (name, (truth, score)) in enumerate(curves.items()):
            precision, recall, _ = sk.precision_recall_curve(truth, score)
            area = sk.average_precision_score(truth, score)
            axes.plot(
                recall,
                precision,
                color=_color(number),
                lw=1.8 if number == 0 else 1.1,
                label=f"{name} {area:.3f}",
            )
        axes.set(xlabel="recall", ylabel="precision", title="Precision and recall (average precision)")
        axes.legend(frameon=False, loc="lower left")

    return draw


def reliability(confidence: np.ndarray, correct: np.ndarray) -> Callable[[Axes], None]:
    """Accuracy of the program by confidence."""

    def draw(axes: Axes) -> None:
        place = np.minimum((confidence * 10).astype(int), 9)
        count = np.bincount(place, minlength=10)
        used = count > 0
        sure = np.bincount(place, confidence, 10)[used] / count[used]
        right = np.bincount(place, correct.astype(float), 10)[used] / count[used]
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        axes.plot(sure, right, color=BLUE, marker="o", ms=4)
        axes.bar((np.arange(10) + 0.5) / 10, count / max(1, count.sum()), 0.09, color=BLUE, alpha=0.15)
        axes.set(xlabel="confidence", ylabel="fraction correct", title="Reliability", xlim=(0, 1), ylim=(0, 1))

    return draw


def learning(rows: list[dict[str, float]], best: int, score: str) -> Callable[[Axes], None]:
    """Training loss and validation score by epoch, or by questions to a source that only answers; the selected epoch is
    marked.
    """
    by, label = ("questions", "questions to the source") if "questions" in rows[0] else ("epoch", "epoch")

    def draw(axes: Axes) -> None:
        places = [row[by] for row in rows]
        axes.plot(places, [row.get("train_loss", np.nan) for row in rows], color=GREY, label="training loss")
        axes.set(xlabel=label, ylabel="training loss", title="Training")
        scored = [row for row in rows if "score" in row]
        if scored:
            other = axes.twinx()
            other.plot(
                [row[by] for row in scored],
                [row["score"] for row in scored],
                color=BLUE,
                marker=".",
                label=f"validation {score}",
            )
            other.set_ylabel(f"validation {score}")
            chosen = next((row[by] for row in rows if row["epoch"] == best), places[-1])
            other.axvline(chosen, color=ORANGE, lw=1, ls="--")
            other.grid(False)

    return draw


def alignment(rows: list[dict[str, float]]) -> Callable[[Axes], None]:
    """Similarity of the symbols to the source's tokens, by epoch."""

    def draw(axes: Axes) -> None:
        axes.plot([row["epoch"] for row in rows], [row["alignment"] for row in rows], color=BLUE, marker=".")
        axes.set(xlabel="epoch", ylabel="cosine to the nearest source token", title="Alignment (mean over symbols)")

    return draw


def scatter(value: np.ndarray, truth: np.ndarray, name: str) -> Callable[[Axes], None]:
    """Predicted and true values of a regression."""

    def draw(axes: Axes) -> None:
        axes.scatter(truth, value, s=6, alpha=0.35, color=BLUE, edgecolors="none")
        low, high = float(min(truth.min(), value.min())), float(max(truth.max(), value.max()))
        axes.plot([low, high], [low, high], color=GREY, lw=0.8, ls=":")
        axes.set(xlabel=f"true {name}", ylabel=f"predicted {name}", title="Predicted and true")

    return draw


def bars(names: list[str], values: list[float], metric: str, interval: list[float] | None) -> Callable[[Axes], None]:
    """The program (first, with its interval) and the baselines."""

    def draw(axes: Axes) -> None:
        spots = np.arange(len(names))[::-1]
        axes.barh(spots, values, color=[BLUE, *[GREY] * (len(names) - 1)], height=0.62)
        if interval is not None:
            middle, half = sum(interval) / 2, (interval[1] - interval[0]) / 2  # of folds: not around the pooled value
            axes.errorbar(middle, spots[0], xerr=half, fmt="none", color="#1b1f23", capsize=3)
        for number, (spot, value) in enumerate(zip(spots, values)):
            end = interval[1] if number == 0 and interval is not None else value
            axes.text(max(end, value), spot, f" {value:.3f}", va="center", ha="left", fontsize=8)
        ends = [*values, *(interval or [])]
        low = min(0.0, *ends) if metric not in ("auroc", "accuracy") else min(0.4, *ends) - 0.02
        axes.set_xlim(low, max(ends) + 0.12 * (max(ends) - low))
        axes.set_yticks(spots, names)
        axes.set(title=f"Test {metric}, same split")
        axes.grid(axis="y", visible=False)

    return draw


def positions(words: np.ndarray, letters: np.ndarray, symbols: Sequence[str]) -> Callable[[Axes], None]:
    """The symbols' embeddings among the source's tokens, projected to two principal components. words: (n, D)."""
    center = words.mean(axis=0)
    _, _, axes_of = np.linalg.svd(np.concatenate([words[:2000] - center, letters - center]), full_matrices=False)
    flat, spots = (words - center) @ axes_of[:2].T, (letters - center) @ axes_of[:2].T

    def draw(axes: Axes) -> None:
        axes.scatter(flat[:, 0], flat[:, 1], s=3, alpha=0.25, color=GREY, edgecolors="none", label="source tokens")
        axes.scatter(spots[:, 0], spots[:, 1], s=14, color=ORANGE)
        for spot, symbol in zip(spots, symbols):
            axes.annotate(symbol, spot, xytext=(2, 2), textcoords="offset points", fontsize=9, fontweight="bold")
        axes.set(title="Symbols among the source's tokens (PCA)", xticks=[], yticks=[])

    return draw


def _color(number: int) -> Any:
    return [BLUE, ORANGE, "#4c9f70", "#8e6bb0", GREY][min(number, 4)]


def error_by_step(truth: np.ndarray, values: np.ndarray, others: dict[str, np.ndarray]) -> Callable[[Axes], None]:
    """Mean squared error at each step ahead: the program and the baselines, all (n, H) z-scores."""

    def draw(axes: Axes) -> None:
        for name, answer in {"this program": values, **others}.items():
            error = np.nanmean(np.square(answer - truth), axis=0)
            axes.plot(np.arange(1, len(error) + 1), error, label=name, linewidth=2 if name == "this program" else 1)
        axes.set(xlabel="steps ahead", ylabel="mean squared error (z-scores)", ylim=(0, None))
        axes.legend()

    return draw
