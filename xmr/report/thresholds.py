"""Sensitivity, specificity and precision of a binary task at several decision thresholds."""

from __future__ import annotations

import numpy as np
from jinja2 import Environment

LEVELS = np.arange(1, 10) / 10
_TABLE = """<table><caption>{{ positive }} is predicted from this probability on (test records)</caption>
<tr><th>threshold</th><th>sensitivity</th><th>specificity</th><th>precision</th><th>predicted {{ positive }}</th></tr>
{% for row in rows %}<tr>{% for cell in row %}<td class="n">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table><p class="quiet">Do not choose the threshold here: these records are the test
(<code>training.threshold: validation</code> chooses it on validation records).</p>"""


def threshold_table(score: np.ndarray, truth: np.ndarray, positive: str, chosen: float | tuple[float, ...]) -> str:
    """HTML. score: (n,) probabilities of the positive class; truth: (n,) who has it; chosen: the threshold in use, or
    one for each record."""
    rows = []
    for level in sorted({*LEVELS.tolist(), *([chosen] if isinstance(chosen, float) else [])}):
        said = score >= level
        right = said & truth
        shown = [_ratio(right.sum(), truth.sum()), _ratio((~said & ~truth).sum(), (~truth).sum())]
        mark = " (in use)" if level == chosen else ""
        rows.append([f"{level:.3g}{mark}", *shown, _ratio(right.sum(), said.sum()), f"{int(said.sum()):,}"])
    return Environment(autoescape=True).from_string(_TABLE).render(rows=rows, positive=positive)


def _ratio(part: int, whole: int) -> str:
    return f"{part / whole:.3f}" if whole else "not defined"
