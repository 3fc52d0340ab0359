"""Ctrl-C during training: the step under way ends, everything is saved, then the run stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xmr.errors import XmrError


class TrainingInterruptedError(XmrError):
    """Ctrl-C: everything is saved, `--resume` goes on."""


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C into a question the loop asks between steps; a second one stops at once.

    In the main thread alone: Python lets no other set a handler, and Ctrl-C is the caller's there. A handler that was
    not set from Python could not be put back, and stays as well.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield lambda: False
        return
    asked = False

    def handler(number: int, frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    before = signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
