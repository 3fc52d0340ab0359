"""`xmr source serve` and `xmr serve`: a model behind an address on this machine, until it is stopped."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

from xmr.commands.serve.app import application
from xmr.commands.serve.model import ServedModel
from xmr.commands.serve.source import Outputs, ServedSource
from xmr.core.component import check_section, create
from xmr.core.registry import SOURCES
from xmr.errors import Problem, RecipeError, require
from xmr.recipe.load import as_values

GRACE = 30  # seconds in which requests under way are finished at the end


def serve(model: ServedModel, host: str, port: int, batch: int, log: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM; requests under way are finished first. port 0: a free one.

    Raises MissingExtraError without uvicorn, RecipeError for an address in use.
    """
    uvicorn: Any = require("uvicorn", "serve", "serving a model")
    app = application(model, batch)
    # With the protocol named, asyncio sends answers at once (TCP_NODELAY); else each waits 40 ms for the client.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()  # whoever reads the address may connect at once
    except (OSError, OverflowError) as error:
        listening.close()
        expected = "a free port (0 takes any) of this machine"
        raise RecipeError(Problem("--port", f"{host}:{port} ({error})", expected)) from None
    place = f"http://{host}:{listening.getsockname()[1]}"
    log(f"{model.name}: {place}/v1/models/{model.name}:predict and {place}/v2/models/{model.name}/infer")
    settings = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE)
    uvicorn.Server(settings).run(sockets=[listening])


def served_source(name: str, overrides: list[str], outputs: Outputs) -> ServedSource:
    """A source by name, loaded to be served. Raises as loading it does."""
    section = check_section("source", {"name": name, **as_values(overrides)}, "source serve")
    return ServedSource(create(SOURCES, section).load(0), name, outputs)
