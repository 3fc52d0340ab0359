"""Occlusion drawn: letters, samples, pixels and columns coloured by how far the answer hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import escape
from matplotlib.axes import Axes

from xmr.core.spaces import Batch, ImageBatch, SignalBatch, SymbolBatch, SymbolSpec, TableBatch, TableSpec
from xmr.report import plots
from xmr.report.occlusion import Occlusion, occlusion
from xmr.training.precision import autocast, resolve_precision

if TYPE_CHECKING:
    from xmr.program import Program

SHOWN, SIGNAL_PARTS, MAX_COLUMNS, LETTERS = 4, 24, 20, 48


def drawn(program: Program, encoded: Batch | None) -> str:
    """A few test records with what their answers hang on, as HTML; empty where occlusion is not defined.

    Computed in the precision the processor is fast in: three digits are more than colours show.
    """
    if encoded is None:
        return ""
    with autocast(resolve_precision("auto", program.device), program.device):
        if isinstance(encoded, TableBatch):
            found = occlusion(program, encoded)
            return "" if found is None else _columns(program, found)
        found = occlusion(program, _first(encoded), SIGNAL_PARTS if isinstance(encoded, SignalBatch) else LETTERS)
    if found is None or not len(found.drops):
        return ""
    if isinstance(encoded, SymbolBatch):
        return "".join(_letters(program, encoded, found, row) for row in range(len(found.drops)))
    titles = [_title(program, found, row) for row in range(len(found.drops))]
    one = _picture if isinstance(encoded, ImageBatch) else _signal
    values = encoded.values.numpy()
    return plots.panels([one(values[row], found, row, title) for row, title in enumerate(titles)], 2.6, 2.4)


def _first(encoded: Batch) -> Batch:
    """The first few records of a batch."""
    if isinstance(encoded, ImageBatch):
        return ImageBatch(encoded.values[:SHOWN])
    if isinstance(encoded, SymbolBatch):
        return encoded if encoded.windows else SymbolBatch(encoded.ids[:SHOWN], encoded.mask[:SHOWN], encoded.full)
    assert isinstance(encoded, SignalBatch)
    return encoded if encoded.windows else SignalBatch(encoded.values[:SHOWN], encoded.mask[:SHOWN], encoded.full)


def _title(program: Program, found: Occlusion, row: int) -> str:
    name = program.targets.names[found.chosen[row]]
    regression = program.targets.task == "regression"
    return f"{name}: {found.sure[row]:.3g}" if regression else f"{name} ({found.sure[row]:.2f})"


def _scale(drops: np.ndarray) -> float:
    """The drop that is drawn in full colour."""
    return max(float(np.nanmax(np.abs(drops))), 1e-9)


def _letters(program: Program, encoded: SymbolBatch, found: Occlusion, row: int) -> str:
    """One record's symbols: orange speaks for the answer, blue against it."""
    spec = program.encoder.spec
    assert isinstance(spec, SymbolSpec)
    places, drops = found.places[row], found.drops[row]
    ids, most = encoded.ids[row].tolist(), _scale(drops)
    gap = " " if any(len(letter) > 1 for letter in spec.letters) else ""
    spans = []
    for place, number in zip(places, ids):
        if place < 0:
            continue
        strength = float(drops[place]) / most
        colour = "217,130,43" if strength > 0 else "47,109,179"
        title = f"{drops[place]:+.2f}"
        text = escape(spec.symbols[number])
        spans.append(f'<span style="background:rgba({colour},{abs(strength):.2f})" title="{title}">{text}</span>')
    return (
        f'<p style="font-family:monospace;overflow-wrap:anywhere;margin:.3rem 0">{gap.join(spans)} '
        f'<span class="quiet">{escape(_title(program, found, row))}</span></p>'
    )


def _signal(values: np.ndarray, found: Occlusion, row: int, title: str) -> Callable[[Axes], None]:
    """Channels as lines over stretches coloured by their drop."""
    places = found.places[row]
    length = int((places >= 0).sum())

    def draw(axes: Axes) -> None:
        axes.plot(values[:, :length].T, lw=0.8, color="black" if len(values) == 1 else None)
        most = _scale(found.drops[row])
        strip = found.drops[row][places[:length]][None] / most
        low, high = axes.get_ylim()
        axes.imshow(
            strip, cmap="RdBu_r", vmin=-1, vmax=1, alpha=0.6, aspect="auto", extent=(0, length, low, high), zorder=0
        )
        axes.set(title=title, ylim=(low, high))
        axes.grid(False)

    return draw


def _picture(values: np.ndarray, found: Occlusion, row: int, title: str) -> Callable[[Axes], None]:
    """A picture under its patches' drops."""

    def draw(axes: Axes) -> None:
        grey = values.mean(axis=0)
        axes.imshow(grey, cmap="gray", vmin=0, vmax=1)
        strength = found.drops[row][found.places[row]] / _scale(found.drops[row])
        axes.imshow(strength, cmap="RdBu_r", vmin=-1, vmax=1, alpha=0.45)
        axes.set(title=title, xticks=[], yticks=[])
        axes.grid(False)

    return draw


def _columns(program: Program, found: Occlusion) -> str:
    """Mean size of each column's drop over the rows shown."""
    spec = program.encoder.spec
    assert isinstance(spec, TableSpec)
    sizes = np.abs(found.drops).mean(axis=0)
    order = np.argsort(-sizes)[:MAX_COLUMNS][::-1]

    def draw(axes: Axes) -> None:
        axes.barh([spec.names[i][:30] for i in order], sizes[order], color=plots.BLUE)
        axes.set(xlabel="mean change of the answer when the column is hidden")

    return plots.svg(draw, 6.0, max(1.6, 0.6 + 0.22 * len(order)))
