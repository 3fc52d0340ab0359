"""What a sweep tries: every combination of the values of recipe fields, or a random sample of them."""

from __future__ import annotations

import math
import re
from itertools import product

import numpy as np

from xmr.errors import Problem, RecipeError

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_RANGE = re.compile(rf"({_NUMBER})\.\.({_NUMBER})")
_WIDE = 10.0  # a positive range whose ends differ by this factor is sampled log-uniformly
_ATTEMPTS = 20  # draws for each combination wanted, before repeated ones are given up


def alternatives(override: str) -> list[str]:
    """`key=a,b,c` -> [`key=a`, `key=b`, `key=c`] (see `separated`). Raises RecipeError without =."""
    key, equals, values = override.partition("=")
    if not equals:
        raise RecipeError(Problem(f"override {override}", "no =", "section.key=value, or section.key=a,b,c"))
    return [f"{key}={value}" for value in separated(values)]


def separated(values: str) -> list[str]:
    """`a,{b: 1, c: 2},a` -> [`a`, `{b: 1, c: 2}`]: parted by the commas outside brackets, each once."""
    parts, depth, begin = [], 0, 0
    for place, letter in enumerate(values):
        depth += (letter in "{[(") - (letter in "}])")
        if letter == "," and not depth:
            parts.append(values[begin:place])
            begin = place + 1
    parts.append(values[begin:])
    return list(dict.fromkeys(part.strip() for part in parts))


def combinations(overrides: list[str], max_trials: int | None = None, seed: int = 0) -> list[tuple[str, ...]]:
    """Every combination of the alternatives, or `max_trials` of them sampled without repetition.

    A range (`key=1e-4..1e-2`) has values without end: `max_trials` of them are sampled, whole numbers between whole
    numbers, by the logarithm where the ends are positive and ten times apart. More trials begin with the same ones.
    Raises RecipeError for a range without `max_trials`, and for one that ends before it begins.
    """
    axes = [alternatives(override) for override in overrides]
    ranges = [override for axis in axes for override in axis if _range_of(override)]
    if not ranges:
        every = list(product(*axes))
        if max_trials is None or max_trials >= len(every):
            return every
        drawn = np.random.default_rng(seed).permutation(len(every))[:max_trials]
        return [every[index] for index in sorted(drawn)]
    if max_trials is None:
        raise RecipeError(Problem(f"override {ranges[0]}", "a range", "with it --max-trials, how many values to draw"))
    found: dict[tuple[str, ...], None] = {}
    for attempt in range(_ATTEMPTS * max_trials):
        rng = np.random.default_rng([seed, attempt])
        found.setdefault(tuple(_drawn(axis[rng.integers(len(axis))], rng) for axis in axes))
        if len(found) == max_trials:
            break
    return list(found)


def _range_of(override: str) -> re.Match[str] | None:
    return _RANGE.fullmatch(override.partition("=")[2].strip())


def _drawn(override: str, rng: np.random.Generator) -> str:
    """A value of the range that an override holds; an override without one as it is."""
    held = _range_of(override)
    if held is None:
        return override
    low, high = map(float, held.groups())
    if low >= high:
        raise RecipeError(Problem(f"override {override}", "a range that ends before it begins", "LOW..HIGH"))
    whole = all(re.fullmatch(r"[+-]?\d+", end) for end in held.groups())
    reach = (low - 0.5, high + 0.5) if whole else (low, high)  # as likely at its ends as within
    scale, back = (math.log, math.exp) if low > 0 and high / low >= _WIDE else (float, float)
    value = back(rng.uniform(scale(reach[0]), scale(reach[1])))
    key = override.partition("=")[0]
    return f"{key}={round(value)}" if whole else f"{key}={min(max(float(f'{value:.3g}'), low), high):g}"
