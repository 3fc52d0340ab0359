"""The leaderboard: every table of results/*.json, and the rows that others add to one in results/leaderboard/TABLE/."""

from __future__ import annotations

import math
import re
from pathlib import Path

from xmr.commands.study.pages import number
from xmr.commands.study.result import Cell, Result, read_result
from xmr.commands.study.settings import load_study
from xmr.data.settings import DataSettings
from xmr.errors import Problem, RecipeError, XmrError, one_of
from xmr.metrics.registry import higher_is_better
from xmr.recipe.load import load_recipe

ENOUGH = 5  # seeds below which a row is flagged
PLACES = 3  # rows that are shown for each column
CONTRIBUTED = "leaderboard"


def tables(results: Path) -> dict[str, Result]:
    """The result files directly in a folder that hold programs next to baselines, by name."""
    found = {}
    for path in sorted(results.glob("*.json")):
        try:
            result = read_result(path)
        except XmrError:  # a file of another command
            continue
        if {"program", "baseline"} <= {row.kind for row in result.rows.values()}:
            found[path.stem] = result
    return found


def faults(path: Path) -> list[str]:
    """What keeps results/leaderboard/TABLE/NAME.json from being shown: form, columns, values, controls, study, data."""
    results = path.parents[2]
    try:
        result = read_result(path)
        table = read_result(results / f"{path.parent.name}.json")
    except XmrError as error:
        return [str(error)]
    found = [
        f"column {name!r} with {metric}; expected columns of results/{path.parent.name}.json and their metrics"
        for name, metric in result.columns.items()
        if table.columns.get(name) != metric
    ]
    if result.transcribed:
        found.append("transcribed figures; expected those that `xmr study ... --save` wrote")
    if not any(row.kind == "control" for row in result.rows.values()):
        found.append("no control; expected a row with `kind: control`, such as source.weights=random")
    repeats = max(1, len(result.repeats))
    for name, row in result.rows.items():
        for column, cell in row.cells.items():
            values = cell.values or []
            if len(values) not in {result.seeds, result.seeds * repeats}:
                found.append(f"row {name!r}, {column!r}: {len(values)} values; expected one per seed ({result.seeds})")
            elif not math.isclose(cell.mean, sum(values) / len(values), rel_tol=1e-6, abs_tol=1e-9):
                found.append(f"row {name!r}, {column!r}: mean {cell.mean:.4f}; expected the mean of its values")
    try:
        found += [
            f"column {name!r}: other data than the table's; expected the `data` section of {table.command}"
            for name in result.columns
            if not found and _data(results.parent, result, name) != _data(results.parent, table, name)
        ]
    except XmrError as error:
        found.append(str(error))
    return found


def _data(root: Path, result: Result, column: str) -> list[DataSettings]:
    """The data that a column of a study is measured on, by each of its programs."""
    command = re.match(r"xmr study (\S+\.yaml)(?: --recipe (\S+))?", result.command)
    if command is None:
        raise RecipeError(Problem("command", repr(result.command), "`xmr study` and a study file"))
    study = load_study(root / command[1])
    if column not in study.columns:
        raise RecipeError(one_of(f"{command[1]}: columns", column, study.columns))
    recipe = study.columns[column].recipe or command[2] or study.recipe
    chosen = {name: next(iter(row.choose.among)) for name, row in study.rows.items() if row.choose}
    found: list[DataSettings] = []
    for name, row in study.rows.items():
        if row.kind == "program" and column in study.columns_of(name):
            data = load_recipe(recipe, study.overrides_of(name, column, chosen)).data
            found += [data] if data not in found else []
    return found


def markdown(results: Path) -> str:
    """A section for each table: the best rows of each column, its best control, and how many seeds there are."""
    lines = []
    for name, table in tables(results).items():
        added = {
            path.stem: read_result(path)
            for path in sorted((results / CONTRIBUTED / name).glob("*.json"))
            if not faults(path)
        }
        lines += [f"## {table.title}", "", f"`{name}`, `{table.command}`", ""]
        lines.append("| column | " + " | ".join(map(str, range(1, PLACES + 1))) + " | best control | note |")
        lines.append("|---" * (PLACES + 3) + "|")
        for column, metric in table.columns.items():
            lines.append(_line(column, metric, table, added))
        lines.append("")
    return "\n".join(lines)


def _line(column: str, metric: str, table: Result, added: dict[str, Result]) -> str:
    """A column: its rows from the best to the worst."""
    sign = -1 if higher_is_better(metric) else 1
    entries = {(name, ""): row for name, row in table.rows.items()}
    entries |= {
        (name, by): row for by, result in added.items() for name, row in result.rows.items() if row.kind == "program"
    }
    cells = {key: (row.kind, row.cells[column]) for key, row in entries.items() if column in row.cells}
    ranked = sorted(cells.items(), key=lambda entry: sign * entry[1][1].mean)
    shown = [_entry(*key, cell) for key, (kind, cell) in ranked if kind != "control"][:PLACES]
    controls = [_entry(*key, cell) for key, (kind, cell) in ranked if kind == "control"]
    notes = [f"{table.seeds} seed{'s' if table.seeds > 1 else ''}"] if table.seeds < ENOUGH else []
    notes += [f"{by}: {result.seeds} seeds" for by, result in added.items() if result.seeds < ENOUGH]
    notes += [] if controls else ["no control"]
    places = [*shown, *[""] * (PLACES - len(shown))]
    title = column if metric in column.lower() else f"{column} ({metric})"
    return f"| {title} | {' | '.join(places)} | {controls[0] if controls else ''} | {', '.join(notes)} |"


def _entry(name: str, by: str, cell: Cell) -> str:
    """`kmer_forest 0.848 ± 0.038`, with the file of a row that others have added."""
    return f"{name}{f' ({by})' if by else ''} {number(cell)}".replace("|", "\\|")
