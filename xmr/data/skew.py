"""Whether the parts of a split differ in size or in classes from what was asked for."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xmr.data.splits import Split, other_size

CLASS = 0.1  # difference of a class's fraction that is reported
LISTED = 5


def skew(split: Split, strata: np.ndarray | None, names: Sequence[str], wanted: int | None) -> list[str]:
    """Sentences about a skewed split; [] where test and training are alike.

    strata: (n,) class numbers, or None; names: those of the classes; wanted: test records asked for, if any.
    """
    found = []
    if wanted and (said := other_size("test", len(split.test), wanted)):
        found.append(said)
    if strata is None or len(names) < 2:
        return found
    counts = [np.bincount(strata[part], minlength=len(names)) for part in (split.train, split.test)]
    train, test = (count / max(1, count.sum()) for count in counts)
    worst = int(np.argmax(np.abs(train - test)))
    if abs(train[worst] - test[worst]) > CLASS:
        found.append(f"{names[worst]} makes up {train[worst]:.0%} of training and {test[worst]:.0%} of test")
    for one, part in ((0, "test"), (1, "training")):
        absent = [names[i] for i in np.flatnonzero((counts[one] > 0) & (counts[1 - one] == 0))]
        if absent:
            more = f" and {len(absent) - LISTED} more" if len(absent) > LISTED else ""
            found.append(f"no {part} record is of {', '.join(absent[:LISTED])}{more}")
    return found
