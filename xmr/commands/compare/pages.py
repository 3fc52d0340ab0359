"""compare.csv, compare.json and compare.html."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from xmr.commands.compare.result import PROGRAM, Cell, Comparison
from xmr.core.files import finite, write_csv, write_json, write_text
from xmr.errors import visible

_COSTS = ("trainable parameters", "program KiB", "training seconds", "predictions per second", "peak memory MiB")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ recipe }}</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem }
 td, th { padding: .2rem .7rem; text-align: right }
 td:first-child, th:first-child { text-align: left }
</style></head><body>
<h1>{{ recipe }}</h1>
<ul>{% for text in verdicts %}<li>{{ text }}</li>{% endfor %}</ul>
{{ curves }}
{% for size, rows in tables.items() %}
<h2>{{ size }} labels</h2>
<table><tr>{% for text in header %}<th>{{ text }}</th>{% endfor %}</tr>
{% for row in rows %}<tr>{% for text in row %}<td>{{ text }}</td>{% endfor %}</tr>
{% endfor %}</table>
{% endfor %}
{% if failures %}<h2>What failed</h2>
<ul>{% for row, why in failures %}<li>{{ row }}: {{ why }}</li>{% endfor %}</ul>{% endif %}
</body></html>
"""


def write_comparison(folder: Path, name: str, comparison: Comparison) -> None:
    """compare.csv (a line per row and size), compare.json (every value), compare.html (verdicts, curves, tables)."""
    header = ["train_size", "row", "kind", "mean", "std", "seeds", "paired_p", *(c.replace(" ", "_") for c in _COSTS)]
    lines = [
        [size, cell.row, cell.kind, cell.mean, cell.std, len(cell.values), _p(comparison, cell), *_costs(cell)]
        for size in comparison.train_sizes()
        for cell in comparison.at(size)
    ]
    write_csv(folder / "compare.csv", header, lines)
    verdicts = [comparison.verdict(size) for size in comparison.train_sizes()]
    cells = [
        {"row": c.row, "kind": c.kind, "train_size": c.train_size, "mean": c.mean, "std": c.std, "values": [*c.values]}
        | c.costs
        for c in comparison.cells
    ]
    whole = {"recipe": name, "metric": comparison.metric, "verdicts": verdicts}
    write_json(folder / "compare.json", finite({**whole, "failures": comparison.failures, "cells": cells}))
    write_text(folder / "compare.html", _html(name, comparison, verdicts))


def _html(name: str, comparison: Comparison, verdicts: list[str]) -> str:
    tables = {size: [_texts(comparison, cell) for cell in comparison.at(size)] for size in comparison.train_sizes()}
    text = (
        Environment(autoescape=True)
        .from_string(_PAGE)
        .render(
            recipe=name,
            verdicts=verdicts,
            curves=Markup(_curves(comparison)),
            header=["", "", comparison.metric, "paired p", *_COSTS],
            tables=tables,
            failures=comparison.failures,
        )
    )
    return visible(text)


def _texts(comparison: Comparison, cell: Cell) -> list[str]:
    """A line of a table."""
    p = _p(comparison, cell)
    costs = [f"{cost:,.0f}" if np.isfinite(cost) else "" for cost in _costs(cell)]
    return [cell.row, cell.kind, f"{cell.mean:.3f} ± {cell.std:.3f}", f"{p:.2g}" if np.isfinite(p) else "", *costs]


def _p(comparison: Comparison, cell: Cell) -> float:
    """Paired p against the program of the same size; NaN for the program itself and where it has no result."""
    mine = next((each for each in comparison.at(cell.train_size) if each.kind == PROGRAM), None)
    return comparison.paired(mine, cell) if mine is not None and cell is not mine else float("nan")


def _costs(cell: Cell) -> list[float]:
    return [cell.costs.get(cost, float("nan")) for cost in _COSTS]


def _curves(comparison: Comparison) -> str:
    """Learning curves as SVG."""
    from xmr.report import plots

    curves: dict[str, Any] = {}
    for cell in comparison.cells:
        curves.setdefault(cell.row, []).append((cell.train_size, cell.mean, cell.std))
    kinds = {cell.row: cell.kind for cell in comparison.cells}
    return plots.svg(plots.learning_curves(curves, kinds, comparison.metric), 7.5, 4.5)
