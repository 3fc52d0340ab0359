"""Arguments and options that several commands share: what they mean, and the values they may have."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xmr.commands.new.registry import DRAFTS


class OnError(StrEnum):
    """What to do with records that cannot be read."""

    fail = "fail"
    skip = "skip"


class Precision(StrEnum):
    """The number format of a prediction."""

    full = "full"
    bf16 = "bf16"


class Engines(StrEnum):
    """What starts runs."""

    local = "local"
    ray = "ray"


class Form(StrEnum):
    """The format of a prediction in parts."""

    parquet = "parquet"
    csv = "csv"


class Tracker(StrEnum):
    """Experiment trackers."""

    tensorboard = "tensorboard"
    wandb = "wandb"
    mlflow = "mlflow"
    trackio = "trackio"


# Options that version 0.1 called otherwise: an old one is answered with its new name.
RENAMED = {
    "--most": "--max-trials",
    "--untrained": "--leave-one-out",
    "--on-bad": "--on-error",
    "--budgets": "--train-sizes",
    "--without": "--skip",
    "--skip": "--ignore-column",
}


class SplitBy(StrEnum):
    """Ways in which `xmr new` can choose the test records."""

    random = "random"
    cluster = "cluster"
    position = "position"
    mutations = "mutations"
    scaffold = "scaffold"
    predefined = "predefined"
    fold = "fold"
    cross_validation = "cross_validation"
    group = "group"


Recipe = Annotated[str, typer.Argument(help="Name of a packaged recipe (such as protein/amp), or path to a recipe.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Recipe fields to change, as section.key=value. May be repeated.")
]
Program = Annotated[
    Path,
    typer.Argument(
        metavar="DIR", help="Folder of a run, or its program folder; or hub:USER/NAME, a program of the hub."
    ),
]
Skipping = Annotated[OnError, typer.Option(help="For records that cannot be read: stop, or skip them and list them.")]


def _domain(value: str) -> str:
    """A domain that `xmr new` knows; plugins of the command line are loaded by now."""
    if value not in DRAFTS.names():
        raise typer.BadParameter(f"{value!r} is not one of {', '.join(map(repr, DRAFTS.names()))}.")
    return value


Domain = Annotated[
    str,
    typer.Argument(metavar="DOMAIN", callback=_domain, help=f"Kind of data: {', '.join(DRAFTS.names())}."),
]


def _device(value: str) -> str:
    """Refuse what no machine has; whether this one has it is found out when it is used."""
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", value):
        raise typer.BadParameter(f"{value!r} is not one of 'auto', 'cpu', 'cuda', 'cuda:N', 'mps'.")
    return value


Device = Annotated[
    str, typer.Option(metavar="[auto|cpu|cuda|cuda:N|mps]", callback=_device, help="Device to compute on.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Number of local processes; the cores are divided among them. [default: 1]")
]
EngineName = Annotated[
    Engines,
    typer.Option("--engine", help="Where to compute: processes of this machine, or a Ray cluster (extra scale)."),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST[:PORT]",
        help="Ray cluster. [default: that of this machine, or else one that ends with the command]",
    ),
]
Cpus = Annotated[float, typer.Option("--cpus-per-run", min=0.1, help="Processors of each run on Ray.")]
Gpus = Annotated[float, typer.Option("--gpus-per-run", min=0, help="GPUs of each run on Ray; fractions share one.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Folder to write the results to.")]
InputColumn = Annotated[
    str | None,
    typer.Option("--input", help="Column of the input (for forecasts, of the time), if not the one used in training."),
]
