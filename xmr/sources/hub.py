"""Whether the hub of Hugging Face can be reached, found out once and quickly.

huggingface_hub repeats each failed request five times, with up to eight seconds in between (`http_backoff`), and has no
setting for it: without a network, the files of one model take a minute. It is therefore asked only where a connection
to its address can be made; otherwise models are read from its cache alone (`local_files_only`).
"""

from __future__ import annotations

import socket
import threading
from urllib.parse import urlsplit
from urllib.request import getproxies

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
