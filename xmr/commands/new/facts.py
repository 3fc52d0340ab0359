"""What a person needs to know of his file before he trains on it: classes, lengths, repeats, and what to beware of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from statistics import median

from xmr.data.clean import remove_duplicates
from xmr.data.records import Records, Skipped

FEW = 50  # minimum number of records for reliable metrics
RARE = 0.1  # fraction of a class below which accuracy says nothing of it
FEW_IN_TEST = 10  # records of a class in the test part below which its score is a matter of luck
SHOWN = 6  # classes that are listed


def facts(records: Records, texts: Sequence[str], classes: bool, test: float) -> Iterator[str]:
    """Sentences about usable records. texts: their inputs, where these have a length. classes: labels are classes.

    test: fraction of the records that the split keeps for the test part.
    """
    if texts:
        lengths = sorted(map(len, texts))
        yield f"lengths {lengths[0]:,} to {lengths[-1]:,}, median {median(lengths):,.0f}"
    for name, labels in records.labels.items():
        if classes:
            yield from _of_classes(name, labels, records.role, test)
        elif len(records.labels) <= SHOWN:
            yield from _of_numbers(name, labels)
    if texts:
        yield from _of_repeats(records, list(texts))
    if len(records) < FEW:
        yield f"beware: {len(records)} records are too few for a result that would hold for others"


def _of_numbers(name: str, labels: list[str]) -> Iterator[str]:
    try:
        numbers = sorted(float(label) for label in labels if label)
    except ValueError:
        return
    if numbers:
        gaps = len(labels) - len(numbers)
        missing = f", {gaps:,} missing" if gaps else ""
        yield f"{name}: {numbers[0]:g} to {numbers[-1]:g}, median {median(numbers):g}{missing}"


def _of_classes(name: str, labels: list[str], roles: list[str], test: float) -> Iterator[str]:
    counts = Counter(label for label in labels if label)
    total = counts.total()
    listed = [f"{label} {count:,}" for label, count in counts.most_common(SHOWN)]
    more = f" and {len(counts) - SHOWN:,} more classes" if len(counts) > SHOWN else ""
    yield f"{name}: {', '.join(listed)}{more}"
    folded = Counter(label.casefold() for label in counts)
    twice = [label for label in counts if folded[label.casefold()] > 1]
    if twice:
        yield f"beware: classes that differ only in upper and lower case: {', '.join(sorted(twice)[:SHOWN])}"
    rarest, least = counts.most_common()[-1]
    if len(counts) == 1:
        yield f"beware: every record has the class {rarest}; there is nothing to learn"
    elif least < RARE * total and len(counts) == 2:
        yield f"beware: {least / total:.1%} of the records are {rarest}; accuracy says nothing of them"
    if "test" in roles:
        yield from _of_parts(labels, roles)
    elif (expected := least * test) < FEW_IN_TEST and len(counts) > 1:
        yield f"beware: about {expected:.0f} test records of the class {rarest}: too few to measure it"


def _of_parts(labels: list[str], roles: list[str]) -> Iterator[str]:
    """Classes that only one of the file's own parts has."""
    trained = {label for label, role in zip(labels, roles) if role == "train"}
    tested = {label for label, role in zip(labels, roles) if role == "test"}
    for here, other, part in ((tested - trained, "training", "test"), (trained - tested, "test", "training")):
        if here:
            yield f"beware: no {other} record has the class {', '.join(sorted(here)[:SHOWN])} of the {part} part"


def _of_repeats(records: Records, texts: list[str]) -> Iterator[str]:
    """Inputs that occur again, with the same or another label."""
    cleaned = remove_duplicates(records, texts, Skipped())
    if cleaned.duplicates:
        yield f"{cleaned.duplicates:,} records repeat an earlier input"
    if cleaned.conflicting_labels:
        yield f"beware: {cleaned.conflicting_labels:,} inputs have two different labels"
