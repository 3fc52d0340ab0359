"""A command that stops in the middle and waits: `python -m tests.faults.held READY GO ARGUMENTS...`.

It makes the file READY when the first epoch or chunk is done, and goes on when there is a file GO.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock

import xmr.commands.predict
import xmr.commands.run
from xmr.cli.app import execute


def main(ready: Path, go: Path, arguments: list[str]) -> int:
    """The exit status of the command."""

    def wait() -> None:
        if not ready.exists():
            ready.touch()
            while not go.exists():
                time.sleep(0.01)

    run, predict_file = xmr.commands.run.run, xmr.commands.predict.predict_file

    def held_run(*given: Any, **named: Any) -> Any:
        return run(*given, **{**named, "report": lambda row: wait()})

    def held_predict(*given: Any, **named: Any) -> Any:
        return predict_file(*given, **{**named, "report": lambda n, rate: wait()})

    with (
        mock.patch.object(xmr.commands.run, "run", held_run),
        mock.patch.object(xmr.commands.predict, "predict_file", held_predict),
    ):
        return execute(arguments)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
