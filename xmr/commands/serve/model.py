"""What is served: something that checks items one by one and answers many at once."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class ServedModel(Protocol):
    """A model behind an address."""

    name: str
    output_names: tuple[str, ...]  # of the K numbers of an answer, where they have names

    def read(self, item: Any) -> Any:
        """An item of a request (a text, {"b64": file}, numbers) as the model takes it.

        Raises InputError or ValueError with what was found and expected.
        """
        ...

    def answer(self, items: list[Any]) -> np.ndarray:
        """The answers to items that `read` returned: (n, K)."""
        ...
