"""`xmr suggest`: which records of a pool to label next."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from xmr.core.files import write_csv
from xmr.data.columns import Columns
from xmr.data.readers.paths import must_exist
from xmr.data.records import Records, Skipped, without_bad
from xmr.errors import DataError, Problem
from xmr.program import Program
from xmr.program_folder import reader_of
from xmr.tasks.base import Task
from xmr.training.devices import make_accelerator

By = Literal["spread", "upper", "best"]
CANDIDATES = 10  # times n: the records of the highest scores, among which those far from each other are chosen
HEADER = ["id", "input", "value", "spread", "score"]


def suggest(
    folder: Path, pool: Path, target: Path, n: int = 96, by: By = "spread", on_error: str = "fail", device: str = "auto"
) -> int:
    """Write the n records of a pool to label next -> how many were written.

    The value is the probability of the positive class, or the number. Spread is the standard deviation between the
    programs of an ensemble; of one program of classes the distance to a sure answer, p (1 - p). by: the largest spread,
    value + spread, or value. Among the 10 n best, records are chosen one by one that are farthest from those chosen in
    the source's features (k-center, arXiv 1708.00489), starting at the best. Raises DataError for a task without a
    number per record.
    """
    must_exist(pool)
    encoder, columns = reader_of(folder, Columns(need_target=False))
    program = Program.load(folder, str(make_accelerator(device).device))
    if not program.task.single_target:
        expected = "a program of classes or numbers per record"
        raise DataError(Problem("xmr suggest", f"task {program.task.name}", expected))
    kept: tuple[list[list[object]], np.ndarray, np.ndarray] = [], np.zeros(0), np.zeros((0, 0))
    for records in _readable(program, encoder.stream(pool, columns, encoder.chunk), on_error):
        rows, scores, features = _scored(program, records, by)
        order = np.argsort(-np.concatenate([kept[1], scores]), kind="stable")[: CANDIDATES * n]
        features = np.concatenate([kept[2].reshape(-1, features.shape[1]), features])
        rows = [*kept[0], *rows]
        kept = [rows[i] for i in order], np.concatenate([kept[1], scores])[order], features[order]
    if not kept[0]:
        raise DataError(Problem(str(pool), "no readable record", "at least one"))
    write_csv(target, HEADER, [kept[0][i] for i in spread_out(kept[2], n)])
    return min(n, len(kept[0]))


def _readable(program: Program, chunks: Iterator[Records], on_error: str) -> Iterator[Records]:
    for records in chunks:
        clean = without_bad(records, program.encoder.check(records, fitted=True), on_error, Skipped())
        if len(clean):
            yield clean


def _scored(program: Program, records: Records, by: By) -> tuple[list[list[object]], np.ndarray, np.ndarray]:
    """Rows of the table, the score of each record, and the source's features of it."""
    features = np.zeros((len(records), program.source.hidden_width), np.float32)
    each = program.predict_each(program.encoder.encode(records), features=features).numpy()
    value, spread = value_and_spread(each, program.task)
    if spread is None and by != "best":
        expected = "an ensemble (ensemble=4 in its recipe), or --by best"
        raise DataError(Problem(f"--by {by}", "one program of numbers, which has no spread", expected))
    spread = np.zeros(len(value)) if spread is None else spread
    score = {"spread": spread, "upper": value + spread, "best": value}[by]
    rows = zip(records.ids, program.encoder.shown(records), value, spread, score)
    return [[*row] for row in rows], score, features


def value_and_spread(each: np.ndarray, task: Task) -> tuple[np.ndarray, np.ndarray | None]:
    """each: (N, R, K) predictions of the programs -> value (R,), of several classes that of the most likely one, and
    spread (R,); None of one program of numbers.
    """
    mean = task.combined(torch.from_numpy(each)).numpy()
    fixed = getattr(task, "positive_class", 0)  # of two classes
    column = mean.argmax(axis=1) if task.classes and task.outputs > 2 else np.full(len(mean), fixed)
    at = np.arange(len(mean)), column
    if len(each) > 1:
        return mean[at], each.std(axis=0, ddof=1)[at]
    return mean[at], mean[at] * (1 - mean[at]) if task.classes else None


def spread_out(features: np.ndarray, n: int) -> list[int]:
    """The first record, then n - 1 times the one that is farthest from all chosen ones (Euclidean, standardized)."""
    scale = features.std(axis=0)
    points = (features - features.mean(axis=0)) / np.where(scale > 0, scale, 1)
    chosen, distance = [0], np.linalg.norm(points - points[0], axis=1)
    while len(chosen) < min(n, len(points)):
        distance[chosen[-1]] = -1
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return chosen
