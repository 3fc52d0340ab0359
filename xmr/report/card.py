"""The card of a program (README.md): what it is, how good it is, how to use it, and what speaks against it.

The form is that of model cards (Mitchell et al., arXiv 1810.03993) with the hub's metadata in front.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from xmr import __version__
from xmr.core.registry import SOURCES
from xmr.metrics.base import headline, is_defined
from xmr.metrics.registry import higher_is_better

NAME = "USER/NAME"  # until the card is pushed somewhere
_FOLDS = (
    "- Figures are over the predictions of all records, each by a program that had learned from the other folds; the "
    "interval is that of the mean over folds. The program here has learned from all records."
)


def card(facts: dict[str, Any], recipe: dict[str, Any], result: dict[str, Any], data: str, name: str = NAME) -> str:
    """The card in Markdown. facts: program.json; recipe: recipe.yaml; result: metrics.json, with or without a
    test; data: what it was trained on, and its licence."""
    source, task = facts["source"], result["task"]
    front = {
        "library_name": "xmr",
        "tags": ["model-reprogramming", "xmr", task.replace("_", "-"), recipe["encoder"]["name"], source["name"]],
    }
    if isinstance(source.get("model"), str) and source["model"].count("/") == 1:
        front["base_model"] = [source["model"]]
    parts = [
        f"---\n{_yaml(front)}---",
        f"# {name.rpartition('/')[2]}: {task.replace('_', ' ')} of {recipe['encoder']['name']} records",
        "A small trained program in front of a **frozen** source model, made with xmr (model reprogramming). The "
        "source's weights are not in this repository and were not changed.",
        _table(("what", "value"), _facts(facts, data, result)),
        "## Use",
        f"```sh\npip install xmr\nxmr predict hub:{name} new_records.csv -o predictions.csv\n```",
        f'```python\nfrom xmr import Program\n\nprogram = Program.from_pretrained("{name}")\n```',
        "## Results",
        *_results(result),
        "## Intended use and limits",
        "- For records like those of training; `xmr predict` flags others in the column `unlike_training`.",
        f"- Figures are of one test part: split {result['split']}." if "pooled" not in result else _FOLDS,
        f"- The data are {data}; their licence applies to what is made of them.",
        "- No figure here says that the prediction for a single record is right, or may decide about a person.",
    ]
    return "\n\n".join(parts) + "\n"


def _facts(facts: dict[str, Any], data: str, result: dict[str, Any]) -> list[tuple[str, str]]:
    source = facts["source"]
    said = {
        key: value
        for key, value in source.items()
        if key not in ("name", "seed", "sha256", "canary") and value is not None
    }
    settings = ", ".join(f"{key} {value}" for key, value in said.items())
    packaged = SOURCES.get(source["name"]).packaged if source["name"] in SOURCES.names() else None
    licence = f", licence {packaged.licence}" if packaged is not None else ""
    return [
        ("task", f"{result['task']}: {', '.join(facts['targets'].get('names') or ())[:300]}"),
        ("data", data),
        (
            "records",
            f"{result['n_train']:,} training, {result['n_validation']:,} validation, {result['n_test']:,} test",
        ),
        ("source", f"{source['name']}{f' ({settings})' if settings else ''}{licence}"),
        ("source checksum", f"`{source['sha256']}`; a source with other weights is refused"),
        ("input transformation", facts["transform"]["name"]),
        ("output", facts["output"]["name"]),
        ("trained parameters", f"{result['trainable_parameters']:,} in {facts['programs']} program(s)"),
        ("made with", f"xmr {facts['xmr_version']} (card by {__version__})"),
    ]


def _results(result: dict[str, Any]) -> list[str]:
    """The headline and the table of everything it was compared with, the best first."""
    if "test" not in result:
        return ["No test part: all records were used for training."]
    metric = headline(result["metric"], result["test"])
    rows = [("**this program**", result["test"])]
    rows += [(name, row) for name, row in result.get("baselines", {}).items()]
    rows += [(f"control: {name}", row) for name, row in result.get("controls", {}).items()]
    shown = [m for m in dict.fromkeys((metric, "accuracy", "mcc", "auprc", "rmse", "r2")) if m in result["test"]]
    sign = -1 if higher_is_better(metric) else 1
    rows.sort(key=lambda row: sign * row[1][metric] if is_defined(row[1].get(metric)) else float("inf"))
    interval = result.get("test_interval", {}).get(metric)
    text = f"Test {metric} {_number(result['test'][metric])}"
    text += f" (95 % interval {interval[0]:.3f} to {interval[1]:.3f})" if interval else ""
    table = _table(("", *shown), [(name, *(_number(row.get(m)) for m in shown)) for name, row in rows])
    beware = [f"- Beware: {_plain(sentence)}" for sentence in result.get("verdict", [])]
    what = f"of one seed ({result['seed']})" if "pooled" not in result else result["split"]
    return [f"{text}, {what}.", table, *(["\n".join(beware)] if beware else [])]


def _number(value: Any) -> str:
    return f"{value:.3f}" if is_defined(value) else "not defined"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = [*header]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_plain(cell) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """A text from a file in a line or cell of Markdown: no markup, no HTML, no line breaks."""
    return (
        " ".join(text.split())
        .replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("`", "'" if text.count("`") % 2 else "`")
    )


def _yaml(value: Any) -> str:
    out = StringIO()
    YAML().dump(value, out)
    return out.getvalue()
