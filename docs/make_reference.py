"""Write recipe-reference.md, grid.md, commands.md, datasets.md and papers.md from what the code itself states, and the
tables of results.md, of methods/*.md and of the README from results/*.json.

python docs/make_reference.py           (a test checks that the pages are what this writes)
"""

from __future__ import annotations

import inspect
import json
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import typer
from pydantic import BaseModel
from scipy.stats import rankdata, wilcoxon

from xmr.cli.app import app
from xmr.commands import papers
from xmr.commands.study import leaderboard
from xmr.commands.study.pages import markdown
from xmr.commands.study.result import Cell, read_result
from xmr.core.component import MAX_NUMBER, help_of, section_model
from xmr.core.registry import REGISTRIES, TRANSFORMS, encoded_kinds, grid, space_kinds
from xmr.data.public.catalog import DOMAINS
from xmr.data.public.dataset import Dataset, file_name
from xmr.data.settings import DataSettings, SplitSettings
from xmr.metrics.registry import higher_is_better
from xmr.recipe.load import load_recipe, recipe_names
from xmr.recipe.plain_yaml import MAX_BYTES, MAX_DEPTH, MAX_VALUES
from xmr.recipe.recipe import Recipe
from xmr.training.settings import TrainingSettings
from xmr.training.zeroth_order.settings import SearchSettings, SubspaceSettings

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "see below" if isinstance(value, BaseModel) else f"`{value!r}`"


KINDS_OF_VALUE = {
    "integer": "integer", "number": "number", "boolean": "true or false", "string": "text", "null": "null",
    "object": "mapping",
}  # fmt: skip
BOUNDS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def _values(shape: dict[str, Any]) -> str:
    """What a field may hold, from its JSON schema."""
    if "anyOf" in shape:
        return " or ".join(_values(each) for each in shape["anyOf"])
    if "enum" in shape:
        return ", ".join(f"`{value}`" for value in shape["enum"])
    if shape.get("type") == "array":
        if "prefixItems" in shape:
            return f"list of {len(shape['prefixItems'])}: each {_values(shape['prefixItems'][0])}"
        return f"list of {_values(shape['items'])}"
    kind = KINDS_OF_VALUE.get(shape.get("type", ""), "section")
    bounds = [f"{sign} {shape[key]:,.10g}" for key, sign in BOUNDS.items() if key in shape]
    of = shape.get("additionalProperties")
    to = f" to {_values(of)}" if isinstance(of, dict) and of else ""
    return kind + to + (f" {', '.join(bounds)}" if bounds else "")


def _settings(title: str, model: type[BaseModel]) -> list[str]:
    """One table of a fixed section."""
    shapes = model.model_json_schema()["properties"]
    rows = [
        f"| `{name}` | {_default(field)} | {_values(shapes[name])} | {field.description or 'see below'} |"
        for name, field in model.model_fields.items()
    ]
    return [
        f"## {title}",
        "",
        inspect.getdoc(model) or "",
        "",
        "| field | default | values | what |",
        "|---|---|---|---|",
        *rows,
        "",
    ]


def _component(name: str, component: type) -> list[str]:
    """One component: its docstring without Args, then its arguments."""
    text = (inspect.getdoc(component) or "").partition("Args:")[0].strip()
    words = help_of(component)
    model = section_model(component)
    fields, shapes = model.model_fields, model.model_json_schema().get("properties", {})
    rows = [
        f"| `{key}` | {_default(field)} | {_values(shapes[key])} | {words.get(key, '')} |"
        for key, field in fields.items()
    ]
    table = ["| argument | default | values | what |", "|---|---|---|---|", *rows, ""] if rows else []
    return [f"### {name}", "", text, "", *table]


LIMITS = [
    f"A recipe is YAML 1.2 of at most {MAX_BYTES:,} bytes, {MAX_VALUES:,} keys and values and {MAX_DEPTH} levels:",
    "mappings by text keys (each once), lists, texts, numbers, true, false and null, in one document of UTF-8. Tags,",
    "aliases, merges (`<<`) and directives are refused; dates are texts. Overrides (`section.key=value`) likewise.",
    f"Numbers are finite; whole numbers of a component end at {MAX_NUMBER:,} where its table states no other limit.",
]


def reference() -> str:
    """docs/recipe-reference.md."""
    lines = ["# Recipe reference", "", "Made by `python docs/make_reference.py` from the components themselves.", ""]
    lines += [*LIMITS, ""]
    lines += _settings("A recipe", Recipe) + _settings("data", DataSettings) + _settings("data.split", SplitSettings)
    lines += _settings("training", TrainingSettings) + _settings("training.search", SearchSettings)
    lines += _settings("training.subspace", SubspaceSettings)
    for kind, registry in REGISTRIES.items():
        lines += [f"## {kind}", ""]
        for entry in registry:
            lines += _component(entry.name, entry.load())
    return "\n".join(lines).rstrip() + "\n"


def grid_page() -> str:
    """docs/grid.md."""
    cells, spaces = grid(), space_kinds()
    lines = [
        "# The grid of input transformations",
        "",
        "Made by `python docs/make_reference.py`; `xmr list` prints it too.",
        "",
    ]
    lines += [
        "| | " + " | ".join(f"{space} space" for space in spaces) + " |",
        "|---" * (1 + len(spaces)) + "|",
    ]
    for encoded in encoded_kinds():
        row = [", ".join(f"`{name}`" for name in cells.get((encoded, space), [])) or "-" for space in spaces]
        lines.append(f"| {encoded} | " + " | ".join(row) + " |")
    for (encoded, space), names in cells.items():
        lines += ["", f"## {encoded} into {space} space", ""]
        for name in names:
            lines += _component(name, TRANSFORMS.get(name))
    return "\n".join(lines).rstrip() + "\n"


def _command(name: str, command: Any) -> list[str]:
    """One command: its help, its example, and its arguments and options."""
    usage = " ".join([f"xmr {name}", *(p.name.upper() for p in command.params if p.param_type_name == "argument")])
    lines = [f"## xmr {name}", "", inspect.cleandoc(command.help or ""), "", "```"]
    lines += [(command.epilog or usage).removeprefix("Example: "), "```", ""]
    lines += ["| argument or option | meaning |", "|---|---|"]
    for parameter in command.params:
        words = ", ".join(f"`{word}`" for word in parameter.opts) if parameter.param_type_name == "option" else ""
        help_text = " ".join((getattr(parameter, "help", None) or "").split())
        lines.append(f"| {words or f'`{(parameter.metavar or parameter.name).lower()}`'} | {help_text} |")
    return [*lines, ""] if command.params else lines[:-2]


def commands_page() -> str:
    """docs/commands.md."""
    lines = ["# Commands", "", "Made by `python docs/make_reference.py`; `xmr COMMAND --help` prints the same.", ""]
    for name, command in typer.main.get_command(app).commands.items():
        for inner, each in getattr(command, "commands", {None: command}).items():
            lines += _command(f"{name} {inner}" if inner else name, each)
    return "\n".join(lines).rstrip() + "\n"


BY_HAND = """\
`xmr data get NAME` downloads the official files, compares their checksums, and converts them to what xmr reads;
`python data_prep/DOMAIN.py NAME` does the same for one domain, `--folder F` puts the data into `F` instead of the
cache, and `--check` only compares what is already here. Use the data below `F` with `XMR_DATA=F`.

**By hand**, on a machine without a network: fetch the files at the addresses below elsewhere, put them into
`F/official/NAME/` under their own names, and run `xmr data get NAME --folder F`. Files that are already in the prepared
form need no command: put them below `F` at the path in the column "read from".

A checksum is printed where one was published, or measured on the real file: sha256 (64 digits) or md5 (32 digits), of
the download for archives, of the prepared file otherwise. Where none is known, the first download is recorded and every
later one must be the same. The licences are the authors' own words, shortened; read them before you publish.
"""


def datasets_page() -> str:
    """docs/datasets.md."""
    lines = ["# Public data sets", "", "Made by `python docs/make_reference.py`; `xmr data list` prints it too.", ""]
    lines += [BY_HAND]
    for domain, sets in DOMAINS.items():
        lines += [f"## {domain}", "", "| name | content | task | licence | size | read from | cite |", "|---" * 7 + "|"]
        for chosen in sets:
            place = f"the package {chosen.package}" if chosen.package else f"`{chosen.main}`"
            cells = (f"`{chosen.name}`", chosen.summary, chosen.task, chosen.licence, chosen.size, place, chosen.cite)
            lines.append(f"| {' | '.join(cells)} |")
        rows = [row for chosen in sets for row in _official_files(chosen)]
        table = ["| name | official file | checksum |", "|---|---|---|", *rows]
        lines += ["", *(table if rows else []), ""]
    return "\n".join(lines).rstrip() + "\n"


def _official_files(chosen: Dataset) -> list[str]:
    """A row per official file of a set: its address and its checksum, or that of what is prepared from it."""
    prepared = {path.rsplit("/", 1)[-1]: digest for path, digest in chosen.files.items()}
    digests = dict(chosen.archives)
    digests |= {address: prepared[member.rsplit("/", 1)[-1]] for address, member in chosen.official.items()}
    return [
        f"| `{chosen.name}` | [{file_name(address)}]({address}) | "
        f"{'<br>'.join(f'`{digest}`' for digest in published.split()) or 'not known'} |"
        for address, published in digests.items()
    ]


# The table of the README: the task, and the result and column (or the mean of its columns) that it is read from.
README_ROWS = (
    ("antimicrobial peptides, 200 labels (AUROC)", "peptides", "200 labels"),
    ("antimicrobial peptides, 500 labels (AUROC)", "peptides", "500 labels"),
    ("anticancer peptides (AUROC)", "anticancer_all", "anticancer peptides"),
    ("spoken digits, an unseen speaker, 10 clips per digit (accuracy)", "spoken_digits_whisper", "10 clips"),
    ("11 UCR/UEA time-series sets (accuracy)", "series_views", "mean"),
    ("handwritten digits, 600 labels (accuracy)", "images_packaged", "digits"),
    ("CIFAR-10, 500 labels (accuracy)", "images_packaged", "CIFAR-10 sample"),
    ("6 tables, 128 rows (AUROC)", "tables_128", "mean"),
    ("ETTh1, 96 steps (MSE, lower is better)", "forecasting", "96 hours"),
)
LABELS = {
    "multirocket_hydra": "MultiRocketHydra",
    "dtw_1nn": "1-NN DTW",
    "kmer_forest": "k-mer forest",
    "descriptors_forest": "descriptors forest",
    "fine_tuning": "fine-tuning",
    "minirocket": "MiniRocket",
    "cnn": "CNN",
    "linear_probe": "linear probe",
    "pixel_svm": "SVM on pixels",
    "hog_svm": "SVM on HOG",
}


def _readme_row(task: str, name: str, column: str) -> str:
    """The program, the best baseline and the program with random weights; the better of the first two is bold."""
    result = read_result(RESULTS / f"{name}.json")
    rows, mean = result.rows, column == "mean"
    values = {
        name: row.mean if mean else row.cells[column].mean for name, row in rows.items() if mean or column in row.cells
    }
    sign = 1 if higher_is_better(result.columns[result.mean_of[0] if mean else column]) else -1
    baselines = [name for name in values if rows[name].kind == "baseline"]
    first, best = next(iter(rows)), max(baselines, key=lambda name: sign * values[name])
    p = None if mean else rows[best].cells[column].p
    program, baseline = f"{values[first]:.3f}", f"{LABELS.get(best, best.replace('_', ' '))} {values[best]:.3f}"
    if sign * values[first] > sign * values[best]:
        program = f"**{program}**"
    else:
        baseline = f"**{baseline}**"
    control = f"{values['random weights']:.3f}" if "random weights" in values else ""
    return f"| {task} | {program} | {baseline}{'' if p is None else f' (p = {p:.2g})'} | {control} |"


def readme() -> str:
    """README.md with its table of results."""
    lines = ["| task | xmr | best baseline | same program, random weights |", "|---|---|---|---|"]
    lines += [_readme_row(*row) for row in README_ROWS]
    where = "docs/how-to/let-xmr-choose.md#how-good-is-the-choice"
    lines += ["", f"[`xmr auto`]({where}), measured with one seed or five: {_chosen()[1]}"]
    text = (HERE.parent / "README.md").read_text(encoding="utf-8")
    return re.sub(
        r"(?s)(<!-- results:start -->\n).*?(<!-- results:end -->)",
        lambda m: m[1] + "\n".join(lines) + "\n" + m[2],
        text,
    )


def results_page() -> str:
    """docs/results.md with the table of every result that it names."""

    def table(match: re.Match[str]) -> str:
        return f"{match[1]}\n{markdown(read_result(RESULTS / f'{match[2]}.json'))}<!-- end -->"

    text = (HERE / "results.md").read_text(encoding="utf-8")
    return re.sub(r"(?s)(<!-- result: ([\w/]+) -->)\n.*?<!-- end -->", table, text)


WORSE = 2.0  # standard errors beyond which a difference is called one
ENOUGH = 5  # seeds whose differences have a standard error


SERIES = ("auto_series", "auto_more_series")


def _over_series() -> str:
    """`xmr auto` against each baseline over all sets of time series: means, ranks, wins and Wilcoxon's test."""
    values: dict[str, list[float]] = {}
    for result in (read_result(RESULTS / f"{name}.json") for name in SERIES):
        for name, row in result.rows.items():
            values.setdefault(name, []).extend(row.cells[column].mean for column in result.columns)
    (ours, first), *others = values.items()
    ranks = dict(zip(values, rankdata(-np.array([*values.values()]), axis=0).mean(axis=1)))
    lines = [
        f"Time series over all {len(first)} sets:",
        "",
        f"| | mean accuracy | mean rank | {ours} better, equal, worse | p (Wilcoxon) |",
        "|---|---|---|---|---|",
        f"| {ours} | {np.mean(first):.4f} | {ranks[ours]:.2f} | | |",
    ]
    for name, found in others:
        better = np.array(first) - found
        counts = ", ".join(str(int(side.sum())) for side in (better > 0, better == 0, better < 0))
        p = wilcoxon(first, found).pvalue
        lines.append(f"| {LABELS.get(name, name)} | {np.mean(found):.4f} | {ranks[name]:.2f} | {counts} | {p:.2g} |")
    return "\n".join(lines)


def _chosen() -> tuple[list[str], str]:
    """Every set on which `xmr auto` was measured, as the rows of a table, and a sentence on all."""
    lines = ["| data | seeds | saved (seed 0) | xmr auto | best baseline | difference | in standard errors |"]
    lines.append("|---|---|---|---|---|---|---|")
    outcomes: dict[str, list[str]] = {"better": [], "worse": [], "about": [], "untested": []}
    for path in sorted(RESULTS.glob("auto_*.json")):
        result = read_result(path)
        first = next(iter(result.rows))
        for column, cell in result.rows[first].cells.items():
            best = result.best(column, ("baseline",))
            if best is None:
                continue
            other = result.rows[best].cells[column]
            better = (cell.mean - other.mean) * (1 if higher_is_better(result.columns[column]) else -1)
            error = _error_of_difference(cell, other)
            size = better / error if error else 0.0
            kind = "about" if abs(size) <= WORSE else "better" if size > 0 else "worse"
            outcomes["untested" if error is None and better else kind].append(column)
            saved = (cell.choice or "").split("; ")[0].replace("baseline ", "").replace("_", " ")
            baseline = f"{LABELS.get(best, best.replace('_', ' '))} {other.mean:.3f}"
            shown = (f"{column} ({result.columns[column]})", str(result.seeds), saved, f"{cell.mean:.3f}", baseline)
            lines.append(f"| {' | '.join(shown)} | {better:+.3f} | {'' if error is None else f'{size:+.1f}'} |")
    worse, counts = outcomes["worse"], {name: len(found) for name, found in outcomes.items()}
    named = f" ({', '.join(worse)})" if worse else ""
    said = (
        f"of {sum(counts.values())} sets, the saved predictor is better than the best baseline by more than two "
        f"standard errors on {counts['better']}, worse by more than two on {counts['worse']}{named}, and within two on "
        f"{counts['about']}." + (f" For {counts['untested']} there is no standard error." if counts["untested"] else "")
    )
    return lines, said


def _error_of_difference(ours: Cell, other: Cell) -> float | None:
    """The standard error of the difference of two rows: over the seeds, or over test records where seeds are few."""
    if ours.values and other.values and len(ours.values) >= ENOUGH:
        return float(np.std(np.array(ours.values) - other.values, ddof=1) / len(ours.values) ** 0.5)
    return other.error


def chosen_page() -> str:
    """docs/how-to/let-xmr-choose.md with every set on which `xmr auto` was measured."""
    lines, said = _chosen()
    text = (HERE / "how-to" / "let-xmr-choose.md").read_text(encoding="utf-8")
    text = re.sub(
        r"(?s)(<!-- series:start -->\n).*?(<!-- series:end -->)",
        lambda match: match[1] + _over_series() + "\n" + match[2],
        text,
    )
    made = "\n".join([said[0].upper() + said[1:], "", *lines]) + "\n"
    pattern = r"(?s)(<!-- chosen:start -->\n).*?(<!-- chosen:end -->)"
    return re.sub(pattern, lambda match: match[1] + made + match[2], text)


def served_page() -> str:
    """docs/how-to/serve-a-program.md with what `xmr serve` answered under load."""
    path = RESULTS / "serving.json"
    text = (HERE / "how-to" / "serve-a-program.md").read_text(encoding="utf-8")
    if not path.exists():
        return text
    found = json.loads(path.read_text(encoding="utf-8"))
    names = {"clients": "clients", "records_per_request": "records per request", "p50_ms": "median, ms"}
    names |= {"p99_ms": "99 %, ms", "records_per_second": "records per second", "records_per_pass": "records per pass"}
    lines = [f"| {' | '.join(names.values())} |", "|---" * len(names) + "|"]
    lines += [f"| {' | '.join(f'{row[name]:,}' for name in names)} |" for row in found["loads"]]
    direct, stop = found["program_predict_records_per_second"], found["sigterm"]
    said = f"`Program.predict` in one process: {direct:,} records per second. SIGTERM with "
    said += f"{stop['under_way_at_sigterm']} requests under way: {stop['answered']} answered."
    made = "\n".join([*lines, "", said]) + "\n"
    pattern = r"(?s)(<!-- served:start -->\n).*?(<!-- served:end -->)"
    return re.sub(pattern, lambda match: match[1] + made + match[2], text)


PAPERS = """\
Made by `python docs/make_reference.py` from `xmr/commands/papers.yaml` and `results/papers`; see also `xmr papers`.

The use cases of the survey (arXiv 2202.10629) and of its maintained list come first, then other methods. Tags follow
arXiv 2506.04650. Published figures are quoted as published and only where they could be checked; a published code often
chooses the epoch on the test set. Our figures: the epoch is chosen on validation data, the test set is evaluated once,
mean ± standard deviation over the seeds. A figure of another source or data set than the published one reproduces
nothing, and its verdict says so. `random source`: the same program before random weights.
"""


def papers_page() -> str:
    """docs/papers.md."""
    return f"# Published systems\n\n{PAPERS}\n{papers.markdown()}\n"


LEADERBOARD = """\
# Leaderboard

Made by `python docs/make_reference.py` from `results/*.json`: the tables of [results](results.md) that hold programs
next to baselines. Each line has the best three rows of a column, whatever they are, and the best control. Where a
control is as good as a program, the pretrained weights (or the order of a record) contribute nothing. Standard
deviations are over seeds; a note says where there are fewer than five.

**Add yours** to a table that a study made, by a pull request with two files: a study on the same data, and what it
measured. The program has a recipe, at least one row is a control, and every seed's value is in the file.

```
cp studies/peptides_few.yaml studies/ada.yaml      # change the rows; keep recipe data, columns and their overrides
xmr study studies/ada.yaml --save results/leaderboard/peptides_few/ada.json
python docs/make_reference.py
```

A test compares the data of both studies, and recomputes the means.
"""


def leaderboard_page() -> str:
    """docs/leaderboard.md."""
    return f"{LEADERBOARD}\n{leaderboard.markdown(RESULTS)}".rstrip() + "\n"


SHOWN = ("published", "ours", "random source", "linear probe", "best baseline")
MOST = 4  # recipes that a method names


@cache
def _used(kind: str) -> tuple[tuple[str, str, papers.Paper | None], ...]:
    """Every packaged recipe and every published system: its component of a kind, its recipe, and the system."""
    stated = [(name, None) for name in recipe_names()]
    published = [(paper.recipe, paper) for paper in papers.papers() if paper.recipe]
    found = []
    for recipe, paper in [*stated, *published]:
        name, *overrides = recipe.split()
        found.append((getattr(load_recipe(name, overrides), kind)["name"], recipe, paper))
    return tuple(found)


def _anchor(kind: str, name: str) -> str:
    """Where the recipe reference explains a component: components of another kind may have the same name."""
    kinds = [*REGISTRIES]
    earlier = sum(name in REGISTRIES[other].names() for other in kinds[: kinds.index(f"{kind}s")])
    return f"../recipe-reference.md#{name}" + (f"-{earlier}" if earlier else "")


def _method(match: re.Match[str]) -> str:
    """A method's recipe section and recipes, then what was published and measured with it."""
    kind, name = match[2].split()
    users = [(recipe, paper) for used, recipe, paper in _used(kind) if used == name]
    recipes = [f"`{recipe}`" for recipe, paper in users if paper is None]
    more = f" and {len(recipes) - MOST} more" if len(recipes) > MOST else ""
    said = f"; recipes: {', '.join(recipes[:MOST])}{more}" if recipes else ""
    lines = [f"`{kind}: {name}` ([arguments]({_anchor(kind, name)})){said}.", ""]
    systems = [paper for _, paper in users if paper]
    rows = [
        f"| {paper.name} ({paper.reference}) | `{paper.recipe}` | {' | '.join(paper.cells()[key] for key in SHOWN)} |"
        for paper in systems
        if paper.state == "measured"
    ]
    if rows:
        lines += [f"| system | recipe | {' | '.join(SHOWN)} |", "|---" * (2 + len(SHOWN)) + "|", *rows, ""]
    runs = [f"{paper.name} ({paper.reference}): `{paper.recipe}`" for paper in systems if paper.state == "runs"]
    if runs:
        lines += [f"Runs, not measured here: {'; '.join(runs)}.", ""]
    return "\n".join([match[1], "", *lines]) + match[3]


def method_page(path: Path) -> str:
    """A page of docs/methods with the recipes and the measured rows of each of its methods."""
    pattern = r"(?s)(<!-- method: (\w+ \w+) -->).*?(<!-- end -->)"
    return re.sub(pattern, _method, path.read_text(encoding="utf-8"))


PAGES = {
    **{f"methods/{path.name}": partial(method_page, path) for path in sorted((HERE / "methods").glob("*.md"))},
    "recipe-reference.md": reference,
    "grid.md": grid_page,
    "commands.md": commands_page,
    "datasets.md": datasets_page,
    "papers.md": papers_page,
    "results.md": results_page,
    "leaderboard.md": leaderboard_page,
    "how-to/let-xmr-choose.md": chosen_page,
    "how-to/serve-a-program.md": served_page,
    "../README.md": readme,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (HERE / page).write_text(write(), encoding="utf-8")
