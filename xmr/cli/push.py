"""`xmr push`: share a program on the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def push(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of a run, or its program folder.")],
    name: Annotated[str, typer.Argument(metavar="USER/NAME", help="Repository on the hub; made where there is none.")],
    private: Annotated[bool, typer.Option("--private", help="Make a new repository private.")] = False,
    revision: Annotated[str | None, typer.Option(help="Branch to push to. [default: main]")] = None,
) -> None:
    """Push a program to the Hugging Face hub: its three files, card, recipe and metrics, without paths of this machine.

    The token and address of the hub are huggingface_hub's (HF_TOKEN, `hf auth login`, HF_ENDPOINT). Others predict with
    `xmr predict hub:USER/NAME FILE`, or load it with `Program.from_pretrained`.
    """
    from xmr.commands.push import push as push_program

    print(push_program(folder, name, private, revision))
