"""The hub of Hugging Face: whether it can be reached, found out quickly, and files of a repository.

huggingface_hub repeats each failed request five times, with up to eight seconds in between (`http_backoff`), and has no
setting for it: without a network, the files of one model take a minute. It is therefore asked only where a connection
to its address can be made; otherwise models are read from its cache alone (`local_files_only`).
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from xmr.errors import OutputError, Problem, ProgramError, SourceUnavailableError

HUB = "hub:"  # before USER/NAME where a folder may stand
SECONDS = 1.5  # for the name and the connection together


def hub_fault() -> str:
    """Why the hub is not asked, or an empty text where it can be: switched off, or out of reach of this machine."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return "the hub is switched off (HF_HUB_OFFLINE=1)"
    address = urlsplit(getproxies().get(urlsplit(constants.ENDPOINT).scheme) or constants.ENDPOINT)
    port = address.port or (80 if address.scheme == "http" else 443)
    return "" if _answers(address.hostname or "", port) else f"{constants.ENDPOINT} cannot be reached"


def _answers(host: str, port: int) -> bool:
    """Whether a connection can be made. In a thread, because looking up a name knows no limit of time."""
    made = threading.Event()

    def connect() -> None:
        """Connect, and say so."""
        try:
            socket.create_connection((host, port), SECONDS).close()
            made.set()
        except OSError:
            pass

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(SECONDS)
    return made.is_set()


def fetched(name: str, files: Sequence[str], revision: str | None, home: Path) -> Path:
    """Some files of USER/NAME as a folder of regular files below `home`; nothing else of the repository is read.

    A commit is fetched once. Raises SourceUnavailableError without a network or the repository, ProgramError where it
    lacks one of the files.
    """
    from huggingface_hub import snapshot_download

    with plain_errors(name):
        offline = bool(hub_fault())
        there = Path(snapshot_download(name, revision=revision, allow_patterns=[*files], local_files_only=offline))
    missing = [file for file in files if not (there / file).is_file()]
    if missing:
        found = f"a repository without {', '.join(missing)}"
        raise ProgramError(Problem(f"{HUB}{name}", found, "a program that `xmr push` wrote"))
    place = home / f"{name.replace('/', '--')}--{there.name}"
    if not place.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".", dir=home))
        for file in files:
            shutil.copyfile(there / file, made / file)  # the hub's cache holds links
        try:
            os.rename(made, place)
        except OSError:  # another process came first
            shutil.rmtree(made)
    return place


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """What huggingface_hub raises, as one line."""
    from huggingface_hub import errors
    from huggingface_hub.errors import HFValidationError

    try:
        yield
    except HFValidationError:
        raise ProgramError(Problem(f"{HUB}{name}", "no name of a repository", "USER/NAME")) from None
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled) as error:
        fault = hub_fault() or str(error).splitlines()[0]
        raise SourceUnavailableError(
            Problem(f"{HUB}{name}", f"no copy on this machine, and {fault}", "a network, or a program pulled before")
        ) from None
    except errors.RepositoryNotFoundError:
        expected = "an existing repository, and a token that may see or write it (`hf auth login`, or HF_TOKEN)"
        raise SourceUnavailableError(
            Problem(f"{HUB}{name}", "no such repository, or no access to it", expected)
        ) from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no status"
        first = (str(error).splitlines() or [""])[0][:200]
        raise OutputError(
            Problem(f"{HUB}{name}", f"status {status} ({first})", "a hub that answers, and a token")
        ) from None
    except OSError as error:
        raise SourceUnavailableError(
            Problem(f"{HUB}{name}", f"no connection ({error})", "a hub that can be reached")
        ) from None
