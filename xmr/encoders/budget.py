"""What threads may hold in memory at once, all together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition


class Budget:
    """So much of something (pixels, samples) for all threads: who asks for more than is left waits for the others.

    What is larger than the whole budget is taken to be all of it, and waits until nothing else is held.
    """

    def __init__(self, most: int) -> None:
        self.most = self._left = most
        self._changed = Condition()

    @contextmanager
    def of(self, amount: int) -> Iterator[None]:
        """Hold this amount while the block runs."""
        held = min(amount, self.most)
        with self._changed:
            self._changed.wait_for(lambda: self._left >= held)
            self._left -= held
        try:
            yield
        finally:
            with self._changed:
                self._left += held
                self._changed.notify_all()
