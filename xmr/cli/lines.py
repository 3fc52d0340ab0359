"""Lines on the terminal: whole, without markup, and with control characters as their escapes."""

from __future__ import annotations

from rich.console import Console

from xmr.errors import printable


def line(console: Console, text: str) -> None:
    """Print one line; a name from a file can neither steer the terminal nor begin a line of its own."""
    console.print(printable(text), markup=False, soft_wrap=True)
