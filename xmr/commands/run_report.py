"""report.html of a run, or of a cross-validation, from what was predicted for the test records."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from xmr.commands.run_baselines import untrained
from xmr.commands.run_folder import place_of
from xmr.commands.tested import TestedPart
from xmr.commands.verdict import counted
from xmr.job import Job
from xmr.report import html
from xmr.training.loop import History

EXAMPLES = 8  # test records that are shown as the source sees them


def write_report(
    folder: Path,
    job: Job,
    result: dict[str, Any],
    history: History,
    tested: TestedPart,
    summary: str = "",
    note: str = "",
) -> None:
    """Write report.html into a folder that has its recipe.yaml.

    job: with the trained program; result: metrics.json; summary, note: what the data and the headline are, where it is
    not the test part of one run.
    """
    records = job.prepared.records.take(tested.rows)
    labels = zip(*records.labels.values()) if job.task.has_labels else [()] * len(records)
    few = np.arange(min(EXAMPLES, len(records)))
    contents = html.Contents(
        program=job.program,
        summary=summary or job.prepared.summary(),
        result=result,
        history=history,
        target=job.program.task.encode(records).numpy(),
        values=tested.values,
        baselines=tested.baselines,
        examples=job.encoder.encode(records.take(few)).batch(few),
        names=list(zip(records.ids, ["|".join(each) for each in labels])),
        inputs=lambda rows: job.encoder.shown(records.take(rows)),
        counts=counted(result["test_counts"]),
        untrained=untrained(job),
        place=place_of(folder),
        note=note,
    )
    html.write_report(folder, contents)


def history_of(folder: Path, best_epoch: int) -> History:
    """What history.csv of a finished run holds."""
    with (folder / "history.csv").open(newline="", encoding="utf-8") as handle:
        rows = [{name: float(cell) for name, cell in row.items() if cell} for row in csv.DictReader(handle)]
    return History(rows, best_epoch)
