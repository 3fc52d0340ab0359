"""`xmr source list`, `xmr source get NAME` and `xmr source where NAME`: frozen models."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table


class Answers(StrEnum):
    """What a served source answers."""

    probabilities = "probabilities"
    logits = "logits"
    features = "features"


class Outputs(StrEnum):
    """What an exported source answers."""

    logits = "logits"
    features = "features"


app = typer.Typer(help="List, download and locate frozen source models.", no_args_is_help=True)


@app.command("list", short_help="List models, licences and where they are.", epilog="Example: xmr source list")
def listing(
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Of the published models, the official file, its sha256 and converter.")
    ] = False,
) -> None:
    """List the models inside pip packages and the published ones, with licences, sizes and where they are."""
    from xmr.commands.source import listed, origins

    if addresses:
        for line in origins():
            print(line)
        return
    table = Table(Column("name", no_wrap=True), "what", "licence", "size", "here")
    for model in listed():
        cells = (model.name, model.summary, model.licence, model.size, model.where or "no")
        table.add_row(*map(escape, cells))  # 'xmr[pixel]' is no markup
    Console().print(table)


@app.command("get", short_help="Download and convert models.", epilog="Example: xmr source get mobilenet_v1_0.5_160")
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names from `xmr source list`.")],
    folder: Annotated[
        Path | None, typer.Option(help="Folder for the models, to be named by XMR_MODELS later. [default: the cache]")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Convert the model again and replace what is there.")] = False,
) -> None:
    """Download models from their official addresses, verify the checksums, and convert them to what recipes load."""
    from xmr.commands.source import get_all

    for path, recipe in get_all(names, folder, force):
        print(path)
        print(f"  in a recipe: source: {recipe}")


@app.command(
    "export", short_help="Write a source as an ONNX file.", epilog="Example: xmr source export efficientnet_lite0"
)
def export(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="A source of image or audio models, from `xmr list sources`.")
    ],
    overrides: Annotated[list[str] | None, typer.Argument(help="Arguments of the source, as key=value.")] = None,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", help="File to write. [default: NAME.onnx where recipes find models, in the cache]"),
    ] = None,
    outputs: Annotated[Outputs, typer.Option(help="What the file answers.")] = Outputs.logits,
) -> None:
    """Write a frozen source as an ONNX file that answers with the logits of its classes, or with its features.

    The file is checked against the source on random inputs before it is put in place.
    """
    from xmr.commands.export_source import export_source

    path, difference = export_source(name, overrides or [], out, outputs.value)
    print(path)
    print(f"  largest difference from the source on random inputs: {difference:.1e}")


@app.command(
    "serve", short_help="Serve a source over HTTP.", epilog="Example: xmr source serve efficientnet_lite0 --port 8080"
)
def serve(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A source, from `xmr list sources`.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="Arguments of the source, as key=value.")] = None,
    outputs: Annotated[Answers, typer.Option(help="What it answers.")] = Answers.probabilities,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 lets other machines in.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8080,
    batch: Annotated[int, typer.Option(min=1, help="Records per pass of the model.")] = 64,
) -> None:
    """Serve a frozen source by KServe's JSON, versions 1 and 2: images, audio clips or texts in, answers out.

    A service to try `http_image`, `http_audio` and `http_text` on. Stops after SIGINT or SIGTERM, when the requests
    under way are answered.
    """
    from xmr.commands.serve.serve import serve as serve_model
    from xmr.commands.serve.serve import served_source

    model = served_source(name, overrides or [], outputs.value)
    serve_model(model, host, port, batch, lambda text: print(text, flush=True))


@app.command("where", short_help="Print where a model is.", epilog="Example: xmr source where yamnet")
def where(name: Annotated[str, typer.Argument(metavar="NAME", help="A name from `xmr source list`.")]) -> None:
    """Print the file or folder that a recipe would load; exit status 1 where there is none."""
    from xmr.commands.source import listed
    from xmr.errors import RecipeError, one_of

    models = {model.name: model for model in listed()}
    if name not in models:
        raise RecipeError(one_of("source where", name, models))
    print(models[name].where or f"{name} is not on this machine: xmr source get {name}")
    if not models[name].where:
        raise typer.Exit(1)
