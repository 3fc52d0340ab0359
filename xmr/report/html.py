"""report.html: every figure of a run in one file that opens offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment
from markupsafe import Markup

from xmr.core.files import write_text
from xmr.core.kinds import Batch
from xmr.errors import shortened, visible
from xmr.metrics.base import headline
from xmr.report import plots
from xmr.report.attribution import attribution
from xmr.report.figures import FIGURES
from xmr.report.learned import mapping_heatmap, reprogrammed_images, tokens_of_symbols, top_source_classes
from xmr.report.next_steps import next_steps

if TYPE_CHECKING:
    from xmr.program import Program
    from xmr.training.loop import History

MAX_INPUT = 120  # characters of an input in the list of errors
_ONE = "one split, one seed: see docs/results.md for the standard deviation over seeds"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
 body { font: 15px/1.5 system-ui, sans-serif; color: #1b1f23; margin: 2rem auto; max-width: 72rem; padding: 0 1rem }
 h1 { font-size: 1.5rem; margin-bottom: .2rem } h2 { font-size: 1.1rem; margin-top: 2rem }
 .grid { display: flex; flex-wrap: wrap; gap: 1rem } .grid > div { flex: 1 1 22rem; min-width: 0 }
 svg { max-width: 100%; height: auto } table { border-collapse: collapse; font-size: .9rem }
 td, th { padding: .25rem .7rem; border-bottom: 1px solid #e3e6e9; text-align: left } td.n { text-align: right;
 font-variant-numeric: tabular-nums } .big { font-size: 2.2rem; font-weight: 600; color: #2f6db3 }
 .beware li { color: #a33b00 } .cell { overflow-wrap: anywhere; max-width: 36rem } caption { text-align: left }
 .quiet { color: #66707a } pre { background: #f5f6f7; padding: 1rem; overflow-x: auto; font-size: .82rem }
</style></head><body>
<h1>{{ title }}</h1>
<p class="quiet">{{ sentence }}</p>
<p><span class="big">{{ '%.3f' % headline }}</span> test {{ metric }}
{% if undefined %}<span class="quiet">({{ undefined }} is not defined on these records)</span>{% endif %}
{% if note %}<span class="quiet">({{ note }})</span>{% endif %}
{% if counts %}<br><span class="quiet">{{ counts }}</span>{% endif %}</p>
{% if verdict %}<ul class="beware">{% for text in verdict %}<li>{{ text }}</li>{% endfor %}</ul>{% endif %}
<h2>Compared with the baselines, same split</h2>
<div class="grid"><div>{{ bars }}</div><div><table><tr><th></th>{% for name in columns %}<th>{{ name }}</th>
{% endfor %}</tr>{% for row in table %}<tr><td>{{ row[0] }}</td>
{% for cell in row[1:] %}<td class="n">{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</table></div></div>
<h2>Test set</h2><div class="grid">{% for figure in figures %}<div>{{ figure }}</div>{% endfor %}</div>
{% if words %}<h2>What the program learned</h2>
<div class="grid"><div>{{ map }}</div><div><p class="quiet">Nearest source tokens of each symbol's embedding
(cosine){% if programs > 1 %}, first of {{ programs }} programs{% endif %}; the token nearest to where it started;
how far it moved, relative to the length of its start.</p>
<table><tr><th></th><th>nearest now</th><th>started at</th><th>moved by</th></tr>
{% for symbol, near, start, moved in words %}<tr><td><b>{{ symbol }}</b></td><td>{{ near }}</td><td>{{ start }}</td>
<td class="n">{{ moved }}</td></tr>{% endfor %}</table></div></div>
{% endif %}
{% if pictures %}<h2>What the source sees</h2>{{ pictures }}{% endif %}
{% if hidden %}<h2>Feature attribution (occlusion)</h2>
<p class="quiet">Each part of a test record is hidden in turn. Orange and red: evidence for the prediction;
blue: against it. Full color: the largest effect in the record.</p>{{ hidden }}{% endif %}
{% if worst %}<h2>Largest errors in the test set</h2><table><tr><th>record</th><th>true</th><th>predicted</th>
<th>loss</th><th>input</th></tr>
{% for row in worst %}<tr>{% for cell in row %}<td class="cell">{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
{% endif %}
{% if mapping %}<h2>Top source classes per target class</h2>
<div class="grid"><div>{{ heat }}</div><div><table>{% for target, found in mapping %}<tr><td><b>{{ target }}</b></td>
<td>{{ found }}</td></tr>{% endfor %}</table></div></div>{% endif %}
<h2>All numbers</h2><table><tr><th>metric</th><th>test</th><th>95 % interval</th></tr>
{% for name, value, low, high in numbers %}<tr><td>{{ name }}</td><td class="n">{{ value }}</td>
<td class="n">{{ low }} to {{ high }}</td></tr>{% endfor %}</table>
<table style="margin-top:1rem">{% for name, value in facts %}<tr><td>{{ name }}</td><td class="n">{{ value }}</td></tr>
{% endfor %}</table>
<h2>What to do next</h2><table>{% for why, command in steps %}
<tr><td>{{ why }}</td><td><code>{{ command }}</code></td></tr>
{% endfor %}</table>
<h2>Recipe</h2><pre>{{ recipe }}</pre>
</body></html>
"""


@dataclass(frozen=True, kw_only=True)
class Contents:
    """What a report shows.

    summary: of the data; result: metrics.json; target, values, baselines: truth and predictions of the test records,
    (n, K); examples: a few of them encoded, to show as the source sees them; names: id and true label of all of them;
    inputs: gives the inputs of some as text; counts: their classes in words; untrained: the transform before training;
    place: the folder in which the run will lie; note: on the headline, by default its interval.
    """

    program: Program
    summary: str
    result: dict[str, Any]
    history: History
    target: np.ndarray
    values: np.ndarray
    baselines: dict[str, np.ndarray]
    examples: Batch
    names: list[tuple[str, str]]
    inputs: Callable[[list[int]], list[str]]
    counts: str
    untrained: Any
    place: Path
    note: str = ""


def write_report(folder: Path, contents: Contents) -> None:
    """Write report.html into the run's folder."""
    program, result = contents.program, contents.result
    task = program.task
    chosen_by = task.chosen_metric
    metric = headline(chosen_by, result["test"])
    test = result["test"]
    others = {**result["baselines"], **{f"control: {name}": row for name, row in result.get("controls", {}).items()}}
    shown = [name for name in (metric, "accuracy", "mcc", "auprc", "rmse", "r2", "mae") if name in test]
    shown = list(dict.fromkeys(shown))
    rows = [["this program", *(_number(test[name]) for name in shown)]]
    rows += [[name, *(_number(found[name]) for name in shown)] for name, found in others.items()]
    names = ["this program", *others]
    heights = [_finite(test[metric]), *(_finite(found[metric]) for found in others.values())]
    interval = result["test_interval"].get(metric)
    note = "" if interval is None else f"95 % bootstrap interval {interval[0]:.3f} to {interval[1]:.3f}; {_ONE}"
    words, picture = tokens_of_symbols(program, contents.untrained)
    page = Environment(autoescape=True).from_string(_PAGE)

    text = page.render(
        title=f"{result['recipe']}: {', '.join(task.names) if task.outputs <= 6 else task.name}",
        sentence=contents.summary,
        headline=_finite(test[metric]),
        metric=metric,
        undefined=chosen_by if chosen_by != metric else "",
        note=contents.note or note,
        counts=contents.counts,
        verdict=result.get("verdict", []),
        steps=next_steps(result, contents.place),
        bars=Markup(plots.svg(plots.bars(names, heights, metric, interval), height=max(1.8, 0.6 + 0.42 * len(names)))),
        columns=shown,
        table=rows,
        figures=[Markup(figure) for figure in _figures(contents)],
        words=words,
        map=Markup(picture),
        programs=result["programs"],
        pictures=Markup(reprogrammed_images(program, contents.examples)),
        hidden=Markup(attribution(program, contents.examples, contents.names)),
        worst=largest_errors(program, contents.target, contents.values, contents.names, contents.inputs),
        heat=Markup(mapping_heatmap(program)),
        mapping=[
            (target, ", ".join(f"{name} {weight:.2f}" for name, weight in classes))
            for target, classes in top_source_classes(program)
        ],
        numbers=[
            (name, _number(value), *(_number(x) for x in result["test_interval"].get(name, (np.nan, np.nan))))
            for name, value in test.items()
        ],
        facts=_facts(result),
        recipe=(folder / "recipe.yaml").read_text(encoding="utf-8"),
    )
    write_text(folder / "report.html", visible(text))


def largest_errors(
    program: Program,
    truth: np.ndarray,
    values: np.ndarray,
    names: list[tuple[str, str]],
    inputs: Callable[[list[int]], list[str]],
    most: int = 10,
) -> list[tuple[str, str, str, str, str]]:
    """Wrongly predicted test records of highest loss: id, truth, prediction, loss (squared error for numbers), input.

    names: of the records, id first; inputs: the texts of some of them, empty where the input is not text.
    """
    found = program.task.errors(values, truth)
    if found is None:
        return []
    loss, said = found
    worst = [int(i) for i in np.argsort(-loss)[:most] if np.isfinite(loss[i]) and i < len(names)]
    texts = [shortened(text, MAX_INPUT) for text in inputs(worst)]
    return [(names[i][0], *said[i], f"{loss[i]:.3g}", text) for i, text in zip(worst, texts)]


def _figures(shown: Contents) -> list[str]:
    """Those of the predictions, then those of training."""
    task, history = shown.program.task, shown.history
    figures = [
        figure for name in task.figures for figure in FIGURES[name](task, shown.target, shown.values, shown.baselines)
    ]
    figures.append(plots.svg(plots.learning(history.rows, history.best_epoch, task.chosen_metric)))
    if len(history.rows) > 1 and "alignment" in history.rows[0]:
        figures.append(plots.svg(plots.alignment(history.rows)))
    return figures


def _facts(result: dict[str, Any]) -> list[tuple[str, str]]:
    seconds = result["seconds"]
    return [
        (
            "training, validation, test records",
            f"{result['n_train']:,}, {result['n_validation']:,}, {result['n_test']:,}",
        ),
        ("trainable parameters", f"{result['trainable_parameters']:,}"),
        ("frozen source parameters", f"{result['source_parameters']:,} (bit-identical after training)"),
        ("program on disk", f"{result['program_bytes'] / 1024:.0f} KiB"),
        ("selected epoch", f"{result['best_epoch']} of {result['epochs_run']}"),
        (
            "seconds to load, train, test",
            ", ".join(f"{seconds[name]:.0f}" for name in ("load", "train", "test")),
        ),
        ("seed", str(result["seed"])),
        *(
            [
                (
                    "questions to the source, cost",
                    f"{', '.join(f'{n:,} {k}' for k, n in asked.items())}; {result['cost']:g}",
                )
            ]
            if (asked := result.get("queries"))
            else []
        ),
    ]


def _finite(value: float | None) -> float:
    return float(value) if value is not None and np.isfinite(value) else 0.0


def _number(value: float | None) -> str:
    return f"{value:.3f}" if value is not None and np.isfinite(value) else "not defined"
