"""The command line: one file per command. Importing it imports neither torch nor transformers."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `xmr`. Exit status: 0 done, 1 failed while running, 2 the input or recipe is wrong."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    # A thread of torch that waits soon gives its core away; by default it spins, also where other work needs the core.
    os.environ.setdefault("GOMP_SPINCOUNT", "2000")
    from xmr.cli.app import execute

    sys.exit(execute([*(sys.argv[1:] if arguments is None else arguments)]))
