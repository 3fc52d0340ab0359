"""Values of encoder.json, checked before an encoder takes them over: a changed file must not ask for memory."""

from __future__ import annotations

import math
from typing import Any

MOST = 2**40  # no size, length or rate is larger


def whole(state: dict[str, Any], key: str, least: int = 0, most: int = MOST) -> int:
    """A whole number of the state. Raises ValueError for anything else."""
    value = state[key]
    if type(value) is not int or not least <= value <= most:
        raise ValueError(f"{key} is {value!r}, no whole number from {least:,} to {most:,}")
    return value


def numbers(state: dict[str, Any], key: str, n: int | None = None) -> list[float]:
    """A list of finite numbers of the state, n of them. Raises ValueError for anything else."""
    value = state[key]
    if not isinstance(value, list) or not all(type(x) in (int, float) and math.isfinite(x) for x in value):
        raise ValueError(f"{key} is no list of numbers")
    if n is not None and len(value) != n:
        raise ValueError(f"{key} has {len(value)} numbers, not {n}")
    return [float(x) for x in value]


def texts(state: dict[str, Any], key: str) -> tuple[str, ...]:
    """A list of texts of the state, empty where there is none. Raises ValueError for anything else."""
    value = state.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"{key} is no list of texts")
    return tuple(value)
