"""Time-series tables with a frozen language model."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.new.base import Asked, Draft
from xmr.commands.new.guess import guess_season
from xmr.data.columns import Columns
from xmr.data.dates import ways_of
from xmr.data.readers.rows import open_rows
from xmr.data.readers.text import reading
from xmr.data.readers.time_series import TIME, TimeTable, read_time_table, steps_in_words, table_of
from xmr.data.records import Records
from xmr.errors import DataError, Problem, RecipeError
from xmr.tasks.forecasting import Forecasting

LEAST_STEPS = 50
MANY = 5000  # steps beyond which windows that begin at every one of them repeat each other


def of_file(source: Path, recipe: Path, asked: Asked, given: Records | None = None) -> Draft:
    """A recipe for a time-series table, whose every column is forecast. given: one in memory, in place of the file."""
    wrong = ["--on-error skip"] if asked.on_error == "skip" else asked.given()
    if wrong:
        raise RecipeError(
            Problem("new forecast", wrong[0], "no such option: no step is skipped, every column is forecast")
        )
    time = asked.time or asked.input
    guessed = _only_dates(source) if time is None and given is None else None
    time = time or guessed
    columns = Columns(time=time, skip=asked.ignore)
    table = read_time_table(source, columns) if given is None else table_of(given, columns)
    made = forecast(table, source, recipe, time)
    if guessed:
        made.found.append(f"time {guessed!r}: the only column of dates")
    return made.stating(Asked(time=time), asked.ignore)


def _only_dates(source: Path) -> str | None:
    """The only column of dates, where none has a usual name of the time."""
    with reading(source), open_rows(source, "a table of channels over time") as rows:
        header = rows.take_header()
        if {*map(str.casefold, header)} & {*TIME}:
            return None
        held = [cells for _, cells in rows.peek() if len(cells) == len(header)]
    dated = [name for at, name in enumerate(header) if held and ways_of(row[at].strip() for row in held)]
    return dated[0] if len(dated) == 1 else None


def forecast(table: TimeTable, source: Path, recipe: Path, time: str | None) -> Draft:
    """A recipe after `forecast/etth1`: windows as long as the rows allow. time: the column of it, where named."""
    rows, channels = table.values.shape
    if rows < LEAST_STEPS:
        raise DataError(Problem(str(source), f"{rows} rows", f"at least {LEAST_STEPS} steps of time"))
    season, why = guess_season(table.times)
    gaps = int(np.isnan(table.values).sum())
    context_length = min(336, rows // 8)
    horizon = min(96, max(rows // 50, min(season, rows // 25)))
    patch = min(16, context_length // 4)
    split = {"by": "time", "validation": 0.2, "test": 0.2}
    path = os.path.relpath(str(source), str(recipe.parent))
    body: dict[str, Any] = {
        "task": Forecasting.name,
        "seed": 0,
        "data": {"path": path, **({"time": time} if time else {}), "split": split},
        "encoder": {
            "name": "forecast",
            "context_length": context_length,
            "horizon": horizon,
            "stride": 4 if rows > MANY else 1,
            "season": season,
            **({"missing": "carry"} if gaps else {}),
        },
        "source": {"name": "minilm", "layers": 2},
        "transform": {
            "name": "signal_patches",
            "patch": patch,
            "stride": patch,
            "instance_norm": True,
            "rescale": False,
        },
        "output": {"name": "forecast", "width": 8, "dropout": 0.3},
        "training": {"epochs": 3, "min_steps": 200, "learning_rate": 5e-4, "batch_size": 64},
        "baselines": ["last_value", *(["seasonal_naive"] if season > 1 else []), "linear", "dlinear"],
    }
    found = f"{rows:,} steps of {channels} channel{'s' if channels > 1 else ''} of {source.name}, {why}: "
    notes = [f"{found}the next {horizon} from the last {context_length}", *table.notes]
    if "longer" in (steps := steps_in_words(table.times)):
        notes.append(f"steps {steps}")
    if gaps:
        share = gaps / table.values.size
        notes.append(
            f"{gaps:,} missing values ({share:.1%}): seen as the value before, neither learned nor scored to come"
        )
    return Draft(body, notes)
