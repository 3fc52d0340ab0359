"""Leak alarms before training: can facts that should say nothing about a record's label tell it?

A random forest is fitted on a few facts of each training record (its length, sample rate, file size, a column that
counts the records) and scored on its out-of-bag records; the order of the records in their file is scored on its own.
Permuted labels say what chance reaches, so that chance raises no alarm.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestRegressor

from xmr.data.records import Records
from xmr.job import Job
from xmr.metrics.base import Array, mean_of_defined
from xmr.metrics.classes import areas

MAX_RECORDS, MAX_CLASSES = 2000, 20  # training records and classes that are looked at
ENOUGH = 30  # training records below which nothing can be told
TREES, PERMUTATIONS = 60, 200
TELLS = {True: 0.8, False: 0.6}  # AUROC of classes, rank correlation of numbers, from which on it is an alarm
_NUMBER = re.compile(r"\d+")

Facts = dict[str, np.ndarray]


@dataclass(frozen=True)
class Told:
    """How well facts tell the label: the held-out score, and the range that permuted labels reach."""

    names: list[str]
    score: float
    chance: tuple[float, float]
    metric: str

    @property
    def alarms(self) -> bool:
        """Whether the score is beyond chance, and large."""
        return self.score >= TELLS[self.metric == "AUROC"] and self.score > self.chance[1]

    def __str__(self) -> str:
        names = " and ".join(", ".join(self.names).rsplit(", ", 1))
        score = f"{self.metric} {self.score:.2f} on held-out training records; chance is at most {self.chance[1]:.2f}"
        return f"{names} ({score})"


def leaks(job: Job) -> dict[str, Any]:
    """What facts of the training records tell of their labels, for metrics.json -> alarms: sentences, and the scores.

    Only tasks with a label per record are examined.
    """
    target = job.sets["train"].target.numpy()
    if job.task.per_position or not job.task.has_labels or len(target) < ENOUGH:
        return {"alarms": []}
    rng = np.random.default_rng(job.recipe.seed)
    chosen = np.sort(rng.permutation(len(target))[:MAX_RECORDS])
    records, truth = job.records["train"].take(chosen), _columns(target, chosen, job.task.probabilistic)
    visible = job.encoder.facts(records) | _counters(job.encoder.numbers(records), records)
    found = _told(visible, truth, job.recipe.seed)
    if found is not None and found.alarms:
        each = [one for name in visible if (one := _told({name: visible[name]}, truth, job.recipe.seed)) is not None]
        best = found.score - 0.02
        found = max([*each, found], key=lambda told: (told.score >= best, -len(told.names), told.score))
    order = _told(_order(records), truth, job.recipe.seed)
    alarms = []
    if found is not None and found.alarms:
        alarms.append(f"the label can be told from {found}: make it alike for all labels, or the program will learn it")
    if order is not None and order.alarms and not _sorted(truth):
        why = "if this is the order of collection, hold out by time or group (data.split.by)"
        alarms.append(f"the label can be told from {order}: {why}")
    scores = {" and ".join(told.names): told.score for told in (found, order) if told is not None}
    return {"alarms": alarms, "scores": scores}


def _columns(target: np.ndarray, chosen: np.ndarray, classes: bool) -> Array:
    """What is to be told: classes (the most common ones) or labels as 0 and 1, or numbers: (n, K)."""
    if target.ndim == 2:
        return np.nan_to_num(target[chosen].astype(float))
    if not classes:
        return target[chosen, None].astype(float)
    common = np.argsort(-np.bincount(target), kind="stable")[:MAX_CLASSES]
    return (target[chosen, None] == common).astype(float)


def _counters(numbers: Facts, records: Records) -> Facts:
    """Columns of an input that count the records: whole numbers, each once, not many more than rows of the file."""
    extent = 2 * (max(records.line) - min(records.line) + 1) if records.line else 0
    return {
        f"{name} that counts the records": values
        for name, values in numbers.items()
        if np.isfinite(values).all()
        and (values == np.round(values)).all()
        and np.ptp(values) <= extent
        and len(np.unique(values)) == len(values)
    }


def _order(records: Records) -> Facts:
    """The order of the records, and the last number in the id of each; a program sees neither."""
    found = {"the order of the records": np.arange(len(records), dtype=float)}
    numbers = [_NUMBER.findall(name) for name in records.ids]
    if all(numbers):
        found["the number in the id"] = np.array([float(each[-1][:15]) for each in numbers])
    return found


def _sorted(truth: Array) -> bool:
    """Whether the records lie in a few blocks of one label each, as folders and sorted files give."""
    changes = int((truth[1:] != truth[:-1]).any(axis=1).sum())
    return len(np.unique(truth)) == 2 and changes < 3 * max(2, truth.shape[1])


def _told(facts: Facts, truth: Array, seed: int) -> Told | None:
    """How well a forest on these facts tells the label of its out-of-bag records; None without facts that vary."""
    varied = {name: values for name, values in facts.items() if np.ptp(values) > 0}
    if not varied:
        return None
    forest = RandomForestRegressor(TREES, min_samples_leaf=3, oob_score=True, bootstrap=True, random_state=seed)
    forest.fit(np.stack(list(varied.values()), axis=1), truth if truth.shape[1] > 1 else truth[:, 0])
    guess = forest.oob_prediction_.reshape(truth.shape)
    classes = bool(np.isin(truth, (0, 1)).all())
    rng = np.random.default_rng(seed)
    chance = [_score(guess, truth[rng.permutation(len(truth))], classes) for _ in range(PERMUTATIONS)]
    return Told(
        list(varied),
        _score(guess, truth, classes),
        (min(chance), max(chance)),
        "AUROC" if classes else "rank correlation",
    )


def _score(guess: Array, truth: Array, classes: bool) -> float:
    """Mean AUROC of the columns that vary, or mean rank correlation."""
    varied = np.ptp(truth, axis=0) > 0
    guess, truth = guess[:, varied], truth[:, varied]
    if classes:
        return mean_of_defined(areas(guess, truth > 0))
    ranks = [rankdata(part, axis=0) for part in (guess, truth)]
    centered = [part - part.mean(axis=0) for part in ranks]
    norm = np.sqrt((centered[0] ** 2).sum(axis=0) * (centered[1] ** 2).sum(axis=0))
    return float(np.mean((centered[0] * centered[1]).sum(axis=0) / np.maximum(norm, 1e-12)))
