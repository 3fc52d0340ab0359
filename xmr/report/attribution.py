"""Occlusion as HTML: symbols, samples, pixels and columns colored by how much the prediction depends on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import escape
from matplotlib.axes import Axes

from xmr.core.kinds import Batch
from xmr.errors import Problem, RecipeError, shortened
from xmr.report import plots
from xmr.report.occlusion import Occlusion, occlusion
from xmr.training.precision import autocast, resolve_precision

if TYPE_CHECKING:
    from xmr.program import Program

RECORDS, MAX_COLUMNS, MAX_EXPLAINED = 4, 20, 64


@dataclass(frozen=True)
class Explanation(Occlusion):
    """What the predictions of a few records depend on; a notebook shows the records colored by it. ids: of them."""

    ids: tuple[str, ...]
    html: str = field(repr=False)

    def _repr_html_(self) -> str:
        """The records, with everything that came from them escaped."""
        return self.html


def explain(program: Program, records: Any, patches: int | None = None) -> Explanation:
    """Hide each part of a few records in turn, and see how far each prediction falls.

    patches: parts of a record (per axis of an image), by default what suits the kind of data. Raises DataError for
    records that the encoder cannot read, and RecipeError for more than 64, for windows of long records, and for tasks
    without one answer per record.
    """
    if not 0 < len(records) <= MAX_EXPLAINED:
        raise RecipeError(Problem("explain", f"{len(records):,} records", f"1 to {MAX_EXPLAINED}"))
    program.encoder.require_valid(records)
    encoded = program.encoder.encode(records).batch(np.arange(len(records)))
    found = occlusion(program, encoded, patches)
    if found is None:
        given = f"task {program.task.name} on {encoded.describe(program.encoder.spec)}"
        expected = "one answer per record, of records that the source takes at once and whose parts can be hidden"
        raise RecipeError(Problem("explain", given, expected))
    html = _drawn(program, encoded, found, [(name, "") for name in records.ids])
    return Explanation(found.drops, found.patches, found.predicted, found.confidence, tuple(records.ids), html)


def attribution(program: Program, encoded: Batch | None, names: Sequence[tuple[str, str]] = ()) -> str:
    """A few test records colored by what their predictions depend on; empty where occlusion is not defined.

    names: id and true label of each record.

    Computed in the processor's fastest precision, which is enough for colors.
    """
    if encoded is None or not program.source.gradient:  # a source that only answers is not asked for colors
        return ""
    shown = encoded if program.encoder.spec.names else encoded.take(RECORDS)
    with autocast(resolve_precision("auto", program.device), program.device):
        found = occlusion(program, shown)
    return "" if found is None or not len(found.drops) else _drawn(program, shown, found, names)


def _drawn(program: Program, shown: Batch, found: Occlusion, names: Sequence[tuple[str, str]]) -> str:
    """Records colored by their drops; of tables, the mean effect of each column."""
    spec = program.encoder.spec
    if spec.names:
        return _columns(spec.names, found)
    records = [(shown.display(row, spec), row, _title(program, found, row, names)) for row in range(len(found.drops))]
    texts = [_letters(value, found, row, ", ".join(title)) for value, row, title in records if isinstance(value, list)]
    drawings = [
        _image(value, found, row, "\n".join(title)) if value.ndim == 3 else _signal(value, found, row, "\n".join(title))
        for value, row, title in records
        if isinstance(value, np.ndarray)
    ]
    return "".join(texts) + (plots.panels(drawings, 2.6, 2.9) if drawings else "")


def _title(program: Program, found: Occlusion, row: int, names: Sequence[tuple[str, str]]) -> list[str]:
    """Id, prediction and true label of a record, as far as they are known."""
    identifier, truth = names[row] if row < len(names) else ("", "")
    parts = [shortened(identifier, 24), _predicted(program, found, row), f"true: {truth}" if truth else ""]
    return [part for part in parts if part]


def _predicted(program: Program, found: Occlusion, row: int) -> str:
    name = program.task.names[found.predicted[row]]
    probabilistic = program.task.probabilistic
    return f"{name} ({found.confidence[row]:.2f})" if probabilistic else f"{name}: {found.confidence[row]:.3g}"


def _scale(drops: np.ndarray) -> float:
    """The effect that is shown in full color."""
    return max(float(np.nanmax(np.abs(drops))), 1e-9)


def _letters(symbols: list[str], found: Occlusion, row: int, title: str) -> str:
    """One record's symbols: orange supports the prediction, blue contradicts it."""
    drops, most = found.drops[row], _scale(found.drops[row])
    gap = " " if any(len(symbol) > 1 for symbol in symbols) else ""
    spans = []
    for symbol, patch in zip(symbols, found.patches[row]):
        strength = float(drops[patch]) / most
        color = "217,130,43" if strength > 0 else "47,109,179"
        style = f"background:rgba({color},{abs(strength):.2f})"
        spans.append(f'<span style="{style}" title="{drops[patch]:+.2f}">{escape(symbol)}</span>')
    return (
        f'<p style="font-family:monospace;overflow-wrap:anywhere;margin:.3rem 0">{gap.join(spans)} '
        f'<span class="quiet">{escape(title)}</span></p>'
    )


def _signal(values: np.ndarray, found: Occlusion, row: int, title: str) -> Callable[[Axes], None]:
    """Channels (C, samples) as lines over stretches colored by their drop."""
    length = values.shape[1]

    def draw(axes: Axes) -> None:
        axes.plot(values.T, lw=0.8, color="black" if len(values) == 1 else None)
        strip = found.drops[row][found.patches[row][:length]][None] / _scale(found.drops[row])
        low, high = axes.get_ylim()
        axes.imshow(
            strip, cmap="RdBu_r", vmin=-1, vmax=1, alpha=0.6, aspect="auto", extent=(0, length, low, high), zorder=0
        )
        axes.set(title=title, ylim=(low, high))
        axes.grid(False)

    return draw


def _image(values: np.ndarray, found: Occlusion, row: int, title: str) -> Callable[[Axes], None]:
    """An image (C, H, W) under its patches' drops."""

    def draw(axes: Axes) -> None:
        axes.imshow(values.mean(axis=0), cmap="gray", vmin=0, vmax=1)
        strength = found.drops[row][found.patches[row]] / _scale(found.drops[row])
        axes.imshow(strength, cmap="RdBu_r", vmin=-1, vmax=1, alpha=0.45)
        axes.set(title=title, xticks=[], yticks=[])
        axes.grid(False)

    return draw


def _columns(names: tuple[str, ...], found: Occlusion) -> str:
    """Mean absolute effect of each column over the rows shown."""
    sizes = np.abs(found.drops).mean(axis=0)
    order = np.argsort(-sizes)[:MAX_COLUMNS][::-1]

    def draw(axes: Axes) -> None:
        axes.barh([names[i][:30] for i in order], sizes[order], color=plots.BLUE)
        axes.set(xlabel="mean change of the prediction when the column is hidden")

    return plots.svg(draw, 6.0, max(1.6, 0.6 + 0.22 * len(order)))
