"""What a file's labels and times suggest, and why; printed above the draft."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

from xmr.data.dates import ISO, moment, span, way_of
from xmr.data.readers.numbers import is_number
from xmr.data.records import Records
from xmr.errors import DataError, Problem
from xmr.tasks.base import Task
from xmr.tasks.classification import Classification
from xmr.tasks.multilabel import Multilabel
from xmr.tasks.regression import Regression
from xmr.tasks.sequence_labeling import SequenceLabeling

LEAST_RESIDUES = 5  # a label of fewer letters or digits says nothing of each residue
MOSTLY = 0.9  # fraction of labels above which other labels are wrong, as in a column of a table
WEEKEND = (5, 6)  # as datetime counts weekdays


def guess_task(records: Records, texts: list[str], archived: bool = False) -> tuple[type[Task], str]:
    """The task a label column suggests, and why. texts: sequences a label for each of whose residues may be given.

    archived: whole numbers are classes however many there are, as in the files of the UCR/UEA archive.
    """
    if len(records.labels) > 1:
        return _guess_of_several(records)
    labels = next(iter(records.labels.values()))
    if not any(labels):
        expected = "a label column, TARGET= or --pattern in FASTA headers, or a file for each class"
        raise DataError(Problem(records.file, "no label on any record", expected))
    distinct = set(labels)
    if len(labels) > 1 and texts and all(len(a) == len(b) for a, b in zip(labels, texts)):
        varied = len({*map(len, texts)}) > 1 or len(distinct) > len(labels) / 2  # two words may be as long as peptides
        if varied and max(map(len, labels)) >= LEAST_RESIDUES:
            return SequenceLabeling, "labels as long as their sequences"
    numbers = {float(label) for label in distinct if is_number(label)}
    words = sum(not is_number(label) for label in labels)
    if words and (archived or len(numbers) <= 10 or words > len(labels) - MOSTLY * len(labels)):
        return (
            Classification,
            f"{len(distinct)} distinct label{'s' if len(distinct) > 1 else ''}: {', '.join(sorted(distinct)[:5])}",
        )
    if any(number != int(number) for number in numbers) or (len(numbers) > 10 and not archived):
        return Regression, f"{len(numbers)} distinct numbers"
    return Classification, f"{len(numbers)} distinct whole number{'s' if len(numbers) > 1 else ''}"


def _guess_of_several(records: Records) -> tuple[type[Task], str]:
    """Several label columns are yes or no each, or numbers to be predicted side by side."""
    unclear = Multilabel.check_labels(records)
    if not unclear:
        return Multilabel, f"{len(records.labels)} labels, yes or no each"
    if not Regression.check_labels(records):
        return Regression, f"{len(records.labels)} columns of numbers"
    first = min(unclear)
    found, _, _ = unclear[first].partition("; expected ")
    raise DataError(records.problem(first, f"{found}; expected with several labels 0 or 1 in all, or numbers in all"))


def guess_season(times: list[str]) -> tuple[int, str]:
    """Steps after which a series probably repeats, by how far apart its times are, and why: a day of shorter steps, a
    week of days (of five where no day is a Saturday or Sunday), a year of weeks, months or quarters."""
    try:
        way = way_of(times) or ISO
        stamps = [moment(text, way) for text in times]
        step = sorted(later - sooner for sooner, later in pairwise(stamps))[len(stamps) // 2]
    except ValueError:  # numbers, or dates of which nothing says what is the day and what the month
        return 1, "times that are no dates, so no season (encoder.season)"
    day = timedelta(days=1)
    if step < day:
        steps = max(1, round(day / step))
        return steps, f"a step of {span(step)}, a season of {steps} a day"
    if step == day and not any(stamp.weekday() in WEEKEND for stamp in stamps):
        return 5, "one step per day from Monday to Friday, a season of 5"
    for shortest, longest, steps in ((1, 1, 7), (7, 7, 52), (28, 31, 12), (89, 92, 4)):
        if shortest <= step.days <= longest:
            return steps, f"a step of {span(step)}, a season of {steps}"
    return 1, f"a step of {span(step)}, so no season (encoder.season)"
