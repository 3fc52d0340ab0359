"""`xmr doctor`: what this machine has."""

from __future__ import annotations

from rich.console import Console


def doctor() -> int:
    """Print versions, devices, extras and caches; exit status 2 if a required package is broken."""
    from xmr.commands.doctor import WRONG, diagnose

    console, broken = Console(highlight=False), False
    for name, value in diagnose():
        console.print(f"{name:<14} {value}", markup=False, soft_wrap=True)
        broken = broken or name == WRONG
    return 2 if broken else 0
