"""What `xmr auto` found: everything tried with its held-out score, and what the choice gave on the test part."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Kind = Literal["program", "baseline", "mean"]


@dataclass(frozen=True)
class Tried:
    """A candidate. score: on held-out records, None where it did not run; note: why not."""

    name: str
    score: float | None
    seconds: float
    kind: Kind
    note: str = ""


@dataclass
class Result:
    """The outcome. score: what the choice was made by, greater is better; members: of the saved predictor.

    test: metric of each row (the choice, the best program, the best baseline, controls); difference: the choice less
    the best baseline on the test part, with a 95 % interval by paired bootstrap, positive where the choice is better
    (no interval, NaN, where test records are not independent); baselines: metrics on the test part of those that were
    fitted on all training records, and `standard_error`, that of the difference to the choice over test records.
    """

    metric: str
    n_train: int
    n_test: int
    tried: list[Tried] = field(default_factory=list)
    chosen: str = ""
    members: tuple[str, ...] = ()
    test: dict[str, float] = field(default_factory=dict)
    difference: tuple[float, float, float] | None = None
    test_metrics: dict[str, float] = field(default_factory=dict)
    baselines: dict[str, dict[str, float]] = field(default_factory=dict)
    failed_baselines: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Plain JSON."""
        return asdict(self)

    def paragraph(self) -> str:
        """What won, by how much, what the source adds, and what would be needed to know better."""
        baseline = self.best("baseline")
        found = f"{self.metric} {self.test['chosen']:.3f} on {self.n_test:,} test records"
        lines = [f"Chosen on {self.n_train:,} training records: {self.chosen}; {found}."]
        if self.difference is not None and baseline is not None:
            middle, low, high = self.difference
            interval = f"95 % interval {low:+.3f} to {high:+.3f}"
            verdict = "better than" if low > 0 else "worse than" if high < 0 else "not distinguishable from"
            if math.isnan(low):
                verdict = "ahead of" if middle > 0 else "behind" if middle < 0 else "equal to"
                interval = "without an interval, because test records overlap"
            lines.append(
                f"It is {verdict} the best baseline, {baseline.name} ({self.test['best baseline']:.3f}): "
                f"difference {middle:+.3f}, {interval}."
            )
        controls = [f"{name} {value:.3f}" for name, value in self.test.items() if name in CONTROLS]
        if controls:
            lines.append(f"The same program with {', '.join(controls)}: the difference is what the source adds.")
        skipped = sum(tried.score is None for tried in self.tried)
        if skipped:
            lines.append(f"Candidates that did not run: {skipped}; the table says why.")
        if self.difference is not None and self.difference[1] <= 0 <= self.difference[2]:
            lines.append(
                "To know better: more test records (the interval shrinks with the square root of their number), or "
                "`xmr compare` over several seeds."
            )
        return " ".join(lines)

    def best(self, kind: Kind) -> Tried | None:
        """The best of a kind on held-out records."""
        scored = [tried for tried in self.tried if tried.score is not None and tried.kind == kind]
        return max(scored, key=lambda tried: tried.score or 0.0, default=None)


CONTROLS = ("random weights", "no source")
