"""Commands as a user without rights: `python -m tests.faults.dropped UID COMMANDS`, a JSON list of argument lists.

Each is run once as whoever starts this, so that everything is imported, and then in a fork that has given up its
rights: the packages may lie where that user cannot look. Prints [status, said] of each second time as JSON.
"""

from __future__ import annotations

import gc
import io
import json
import os
import shutil
import sys
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from xmr.cli.app import execute


def said(arguments: list[str]) -> tuple[int, str]:
    """Exit status and what was said on the error stream."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = execute(arguments)
    return status, err.getvalue()


def without_rights(uid: int, arguments: list[str]) -> tuple[int, str]:
    """The same, in a fork, as another user with an empty home that cannot be written."""
    receive, send = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            os.environ["HOME"] = "/proc"
            found = said(arguments)
        except BaseException as error:
            found = (99, f"Traceback: {type(error).__name__}: {error}")
        with os.fdopen(send, "w") as handle:
            json.dump(found, handle)
        os._exit(0)
    os.close(send)
    with os.fdopen(receive) as handle:
        status, text = json.load(handle)
    os.waitpid(pid, 0)
    return status, text


def main(uid: int, commands: list[list[str]]) -> None:
    """Warm up into a copy of the outputs' places, then run each without rights."""
    with tempfile.TemporaryDirectory() as folder:
        for number, arguments in enumerate(commands):
            warm = list(arguments)
            if "-o" in warm:
                place = Path(folder) / str(number)
                warm[warm.index("-o") + 1] = str(place / "out.csv") if warm[0] == "predict" else str(place / "out")
                place.mkdir()
            said(warm)
        shutil.rmtree(folder, ignore_errors=True)
        Path(folder).mkdir()
    gc.collect()
    gc.freeze()
    print(json.dumps([without_rights(uid, arguments) for arguments in commands]))


if __name__ == "__main__":
    main(int(sys.argv[1]), json.loads(sys.argv[2]))
