"""Hidden letters without a model: letters by position in the loop, and the loop of the nearest framework."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

import numpy as np

from xmr.baselines.base import BaselineInput
from xmr.tasks.base import IGNORE

FRAME = 15  # letters on either side of a loop that are compared
PRIOR = 10.0  # weight of the next coarser frequencies, in letters
_LOOPS = re.compile(r"\?+")


def position_profile(data: BaselineInput) -> np.ndarray:
    """Letter frequencies at each (length of the loop, position), smoothed by those at the same distance from the nearer
    end, and these by all: (positions, K).
    """
    overall = _frequencies(data)
    fine: dict[tuple[int, int], np.ndarray] = defaultdict(lambda: np.zeros(len(overall)))
    coarse: dict[tuple[bool, int], np.ndarray] = defaultdict(lambda: np.zeros(len(overall)))
    for _, length, target in _loops(data, "train"):
        for place, letter in enumerate(target):
            if 0 <= letter < len(overall):
                fine[length, place][letter] += 1
                coarse[_end(length, place)][letter] += 1

    def smoothed(length: int, place: int) -> np.ndarray:
        below = coarse[_end(length, place)] + PRIOR * overall
        above = fine[length, place] + PRIOR * below / below.sum()
        return above / above.sum()

    result = np.tile(overall, (sum(map(len, data.texts["test"])), 1))
    for start, length, _ in _loops(data, "test"):
        result[start : start + length] = [smoothed(length, place) for place in range(length)]
    return result


def nearest_frame(data: BaselineInput, sure: float = 0.5) -> np.ndarray:
    """The loop of the training record of the same length whose framework agrees most; `sure` is its probability."""
    overall = _frequencies(data)
    known: dict[int, tuple[list[str], list[np.ndarray]]] = defaultdict(lambda: ([], []))
    texts = {part: "".join(data.texts[part]) for part in ("train", "test")}
    for start, length, target in _loops(data, "train"):
        known[length][0].append(_frame(texts["train"], start, length))
        known[length][1].append(target)
    frames = {length: np.array([[*frame] for frame in found]) for length, (found, _) in known.items()}
    result = np.tile(overall, (len(texts["test"]), 1))
    for start, length, _ in _loops(data, "test"):
        if length in frames:
            agree = (frames[length] == np.array([*_frame(texts["test"], start, length)])).sum(axis=1)
            for place, letter in enumerate(known[length][1][int(agree.argmax())]):
                if 0 <= letter < len(overall):
                    result[start + place] = (1 - sure) * overall
                    result[start + place, letter] += sure
    return result


def _frequencies(data: BaselineInput) -> np.ndarray:
    """Of the hidden letters of training, each counted once more."""
    target = data.targets["train"]
    known = target[(target != IGNORE) & (target < data.task.outputs)]
    counts = np.bincount(known, minlength=data.task.outputs) + 1.0
    return counts / counts.sum()


def _loops(data: BaselineInput, part: str) -> Iterator[tuple[int, int, np.ndarray]]:
    """Start among all positions of a part, length and targets (none of the test part) of every loop."""
    target, begin = data.targets.get(part), 0
    for text in data.texts[part]:
        for match in _LOOPS.finditer(text):
            start, length = begin + match.start(), len(match[0])
            yield start, length, np.zeros(0, int) if target is None else target[start : start + length]
        begin += len(text)


def _end(length: int, place: int) -> tuple[bool, int]:
    """Which end of the loop is nearer, and how far it is."""
    return place * 2 < length, min(place, length - 1 - place)


def _frame(texts: str, start: int, length: int) -> str:
    """The letters around a loop."""
    return texts[max(0, start - FRAME) : start].rjust(FRAME, "-") + texts[start + length :][:FRAME].ljust(FRAME, "-")
