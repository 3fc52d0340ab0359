"""The tables of a study as Markdown and HTML."""

from __future__ import annotations

from jinja2 import Environment

from xmr.commands.study.result import SIGNIFICANT, TEST, Cell, Result
from xmr.errors import visible

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ result.title }}</title>
<style>
 body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f23; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
 table { border-collapse: collapse }
 td, th { padding: .25rem .7rem; border-bottom: 1px solid #e3e6e9; text-align: left }
 .control { color: #66707a } .best { font-weight: 600 }
</style></head><body>
<h1>{{ result.title }}</h1>
<p>{{ result.question }}</p>
<table><tr>{% for text in header %}<th>{{ text }}</th>{% endfor %}</tr>
{% for row in rows %}<tr class="{{ row.kind }}">
{% for text, best in row.texts %}<td{% if best %} class="best"{% endif %}>{{ text }}</td>{% endfor %}</tr>
{% endfor %}</table>
<p>{{ caption }}</p>
{% if choices %}<h2>What was chosen</h2><ul>{% for text in choices %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
{% if result.failures %}<h2>What failed</h2><ul>
{% for name, why in result.failures.items() %}<li>{{ name }}: {{ why }}</li>
{% endfor %}</ul>{% endif %}
</body></html>
"""


def markdown(result: Result) -> str:
    """The table with one verdict per row, and a caption: how often, which test, which command."""
    lines = [f"| {' | '.join(map(_piped, header(result)))} |", "|---" * len(header(result)) + "|"]
    for name in result.rows:
        texts = [f"**{_piped(text)}**" if best else _piped(text) for text, best in texts_of(result, name)]
        lines.append(f"| {' | '.join(texts)} |")
    return "\n".join([*lines, "", caption(result), ""])


def html(result: Result) -> str:
    """The same table as a page of its own, with the choices and failures."""
    rows = [{"kind": row.kind, "texts": texts_of(result, name)} for name, row in result.rows.items()]
    page = Environment(autoescape=True).from_string(_PAGE)
    choices = [
        f"{name}, {column}: {found.choice}"
        for name, row in result.rows.items()
        for column, found in row.cells.items()
        if found.choice
    ]
    return visible(
        page.render(result=result, header=header(result), rows=rows, caption=caption(result), choices=choices)
    )


def header(result: Result) -> list[str]:
    """The first line of the table; the metric is named once where all columns share it."""
    metrics = set(result.columns.values())
    shared = next(iter(metrics)) if len(metrics) == 1 else ""
    columns = [
        column if shared or metric in column.lower() else f"{column} ({metric})"
        for column, metric in result.columns.items()
    ]
    return [shared, *columns, *(["mean"] if result.mean_of else []), "verdict"]


def texts_of(result: Result, name: str) -> list[tuple[str, bool]]:
    """The cells of a row as text, and whether each is the best of the programs and baselines (or equal to it)."""
    row = result.rows[name]
    notes = ["control"] if row.kind == "control" else []
    notes += [] if row.seeds is None else [f"{row.seeds} seed{'s' if row.seeds > 1 else ''}"]
    texts = [(f"{name} ({', '.join(notes)})" if notes else name, False)]
    for column in result.columns:
        cell, best = row.cells.get(column), result.best(column, ("program", "baseline"))
        ties = row.kind != "control" and cell is not None and cell.mean == result.rows[str(best)].cells[column].mean
        texts.append((number(cell), ties))
    if result.mean_of:
        texts.append(("" if row.mean is None else f"{row.mean:.3f}", False))
    return [*texts, (row.verdict, False)]


def number(cell: Cell | None) -> str:
    """`0.911 ± 0.022`; of one seed `0.963 (0.952 to 0.973)`, or the value alone."""
    if cell is None:
        return ""
    if cell.interval is not None:
        return f"{cell.mean:.3f} ({cell.interval[0]:.3f} to {cell.interval[1]:.3f})"
    return f"{cell.mean:.3f}" + (f" ± {cell.std:.3f}" if cell.std is not None else "")


def caption(result: Result) -> str:
    """How the figures were made."""
    cells = [cell for row in result.rows.values() for cell in row.cells.values()]
    repeats = f" and {', '.join(result.repeats)}" if result.repeats else ""
    parts = [f"Mean ± standard deviation over {result.seeds} seeds{repeats}" if result.seeds > 1 else "One seed"]
    if any(cell.interval is not None for cell in cells):
        parts.append("95 % bootstrap intervals over the test records")
    if any(cell.p is not None for cell in cells):
        parts.append(f"verdicts by a {TEST}, p < {SIGNIFICANT}")
    parts.append(f"`{result.command}`")
    if result.transcribed and result.measured_with:
        parts.append(f"measured in version 0.1 with `{result.measured_with}`")
    return "; ".join(parts) + "."


def _piped(text: str) -> str:
    """Text for a cell of a Markdown table."""
    return visible(text).replace("|", "\\|").replace("\n", " ")
