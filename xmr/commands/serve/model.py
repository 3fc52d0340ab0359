"""What is served: something that checks items one by one and answers many at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np


class ItemError(ValueError):
    """An item of a request that the model cannot take. index: None where the message says which."""

    def __init__(self, index: int | None, message: str) -> None:
        super().__init__(message)
        self.index = index


def each(read: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    """Every item as `read` returns it. Raises ItemError for the first of which it raises ValueError."""
    found = []
    for index, item in enumerate(items):
        try:
            found.append(read(item))
        except (ValueError, TypeError, KeyError) as error:
            raise ItemError(index, str(error)) from None
    return found


class ServedModel(Protocol):
    """A model behind an address."""

    name: str
    output_names: tuple[str, ...]  # of the K numbers of an answer, where they have names

    def read(self, items: list[Any]) -> list[Any]:
        """The items of a request (texts, {"b64": file}, numbers) as the model takes them.

        Raises ItemError, or ValueError, with what was found and expected.
        """
        ...

    def answer(self, items: list[Any]) -> np.ndarray:
        """The answers to items that `read` returned: (n, K). Raises ItemError for one that it has not looked at."""
        ...
