"""Ctrl-C during training: the current step finishes, everything is saved, then the run stops."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from xmr.errors import XmrError


class TrainingInterruptedError(XmrError):
    """Ctrl-C: everything is saved, `--resume` continues."""


@contextmanager
def stop_on_interrupt() -> Iterator[Callable[[], bool]]:
    """Yield a function that tells the loop, between steps, whether Ctrl-C was pressed; a second Ctrl-C stops at once.

    Only in the main thread: in others Python cannot set a handler, and Ctrl-C belongs to the caller. A handler that
    was not set from Python could not be restored, and is kept.
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
