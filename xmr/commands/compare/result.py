"""What a comparison found: a cell per row and training-set size, paired tests over the seeds, a verdict per size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xmr.baselines.registry import BASELINES
from xmr.metrics.registry import higher_is_better
from xmr.metrics.seeds import paired_p
from xmr.report.notebook import table

PROGRAM = "program"
SIGNIFICANT = 0.05  # a p below this is called a difference


@dataclass(frozen=True)
class Cell:
    """A row at one training-set size. values: the main metric of each seed; costs: means over the seeds."""

    row: str
    kind: str  # program, control or baseline
    train_size: str
    values: tuple[float, ...]
    costs: dict[str, float] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return float(np.mean(self.values))

    @property
    def std(self) -> float:
        """Standard deviation over the seeds."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0


@dataclass
class Comparison:
    """Every cell, what failed and why, and a verdict per training-set size."""

    metric: str
    cells: list[Cell]
    failures: list[tuple[str, str]]

    def at(self, train_size: str) -> list[Cell]:
        """The cells of one size: the program first, then from the best to the worst."""
        sign = -1 if higher_is_better(self.metric) else 1
        found = [cell for cell in self.cells if cell.train_size == train_size]
        return sorted(found, key=lambda cell: (cell.kind != PROGRAM, sign * cell.mean))

    def train_sizes(self) -> list[str]:
        """The training-set sizes in the order asked for."""
        return list(dict.fromkeys(cell.train_size for cell in self.cells))

    def _repr_html_(self) -> str:
        """The verdicts, and mean and standard deviation of every row by size, as a notebook shows them."""
        sizes = self.train_sizes()
        found = {(cell.row, cell.train_size): f"{cell.mean:.3f} ± {cell.std:.3f}" for cell in self.cells}
        rows = [
            [row, *(found.get((row, size), "") for size in sizes)] for row in dict.fromkeys(row for row, _ in found)
        ]
        return table(self.metric, ["", *(f"{size} labels" for size in sizes)], rows, [*map(self.verdict, sizes)])

    def paired(self, one: Cell, other: Cell) -> float:
        """Two-sided p of a paired t-test over the seeds; NaN where it is not defined."""
        return paired_p(one.values, other.values)

    def verdict(self, train_size: str) -> str:
        """Which of the program and the baselines is best, and how sure that is. Controls are no alternatives."""
        cells = self.at(train_size)
        mine = next((cell for cell in cells if cell.kind == PROGRAM), None)
        others = [cell for cell in cells if cell.kind == "baseline"]
        labels = "with all labels" if train_size == "all" else f"with {train_size} labels"
        if mine is None:
            return f"{labels}: the program has no result"
        if not others:
            return f"{labels}: {self.metric} {mine.mean:.3f}; no baseline was run"
        best = others[0]
        p = self.paired(mine, best)
        means = f"{self.metric} {mine.mean:.3f} against {best.mean:.3f} of {best.row}"
        ahead = (mine.mean > best.mean) == higher_is_better(self.metric) and mine.mean != best.mean
        if not np.isfinite(p):
            return f"{labels}: {means}; one seed says nothing about chance (--seeds 5)"
        if p >= SIGNIFICANT:
            return f"{labels}: no significant difference from {best.row} ({means}, p = {p:.2g})"
        if ahead:
            return f"{labels}: reprogramming is better than every baseline ({means}, p = {p:.2g})"
        return f"{labels}: use {best.row} here ({means}, p = {p:.2g})"


def cells_of(row: str, train_size: str, results: list[dict[str, Any]]) -> list[Cell]:
    """The cell of a row over its seeds, and those of the baselines that ran with it.

    results: the metrics of each seed's run.
    """
    metric = results[0]["metric"]

    def mean(cost: Callable[[dict[str, Any]], float]) -> float:
        return float(np.mean([cost(result) for result in results]))

    costs = {
        "trainable parameters": mean(lambda r: r["trainable_parameters"]),
        "program KiB": mean(lambda r: r["program_bytes"] / 1024),
        "training seconds": mean(lambda r: r["seconds"]["train"]),
        "predictions per second": mean(lambda r: r["n_test"] / max(r["seconds"]["test"], 1e-9)),
        "peak memory MiB": mean(lambda r: r.get("peak_memory_mib", float("nan"))),
    }
    kind = PROGRAM if row == PROGRAM else "control"
    cells = [Cell(row, kind, train_size, _values([result["test"] for result in results], metric), costs)]
    for name in results[0]["baselines"]:
        found = [result["baselines"][name] for result in results if name in result["baselines"]]
        if len(found) == len(results):
            costs = {
                "training seconds": float(np.mean([each.get("seconds", np.nan) for each in found])),
                "peak memory MiB": float(np.mean([each.get("peak_memory_mib", np.nan) for each in found])),
            }
            kind = "control" if BASELINES.is_control(name) else "baseline"
            cells.append(Cell(name, kind, train_size, _values(found, metric), costs))
    return cells


def _values(found: list[dict[str, Any]], metric: str) -> tuple[float, ...]:
    """The metric of each seed, NaN where it is not defined."""
    return tuple(float("nan") if each[metric] is None else float(each[metric]) for each in found)
