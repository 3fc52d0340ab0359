"""The processes that torchrun or accelerate started: each takes every n-th item."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from xmr.commands.workers.base import Engine, Item, Result, Workers


def processes() -> int:
    """How many processes torchrun started; 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


class RankWorkers(Workers):
    """This process, one of several that run the same command."""

    def __init__(self, rank: int, number: int) -> None:
        super().__init__(Engine())
        self.rank, self.number = rank, number

    def __exit__(self, *raised: object) -> None:
        pass

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Callable[[], Result]:
        """See `Workers.submit`."""
        return partial(function, *arguments)

    def over(self, make: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """What this process gives for its items; see `Workers.over`."""
        yield from map(make(), islice(items, self.rank, None, self.number))
