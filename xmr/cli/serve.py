"""`xmr serve`: a trained program behind an address."""

from __future__ import annotations

from typing import Annotated

import typer

from xmr.cli.options import Program


def serve(
    folder: Program,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    batch: Annotated[int, typer.Option(min=1, help="Records per pass of the program.")] = 256,
) -> None:
    """Serve a program over HTTP by KServe's JSON, versions 1 and 2.

    Records are texts (sequences, molecules), lists of numbers (series), objects by column (tables), or files as
    {"b64": ...} (images, audio clips). Requests that come together share a pass. Health is at /v2/health/ready, counts
    at /metrics. It stops after SIGINT or SIGTERM, when the requests under way are answered.
    """
    from xmr.commands.serve.program import ServedProgram
    from xmr.commands.serve.serve import serve as serve_model

    serve_model(ServedProgram(folder), host, port, batch, lambda text: print(text, flush=True))
