"""The `xmr` application: its commands, and how an error leaves it."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xmr import __version__
from xmr.cli import catalogue, check, compare, data, doctor, evaluate, new, predict, run, scan, show, sweep
from xmr.errors import XmrError, XmrWarning, printable

_INTERRUPTED = 130  # what typer makes of Ctrl-C, as shells do

app = typer.Typer(
    name="xmr",
    help="Model reprogramming across modalities: reuse a frozen pretrained model on data it was never made for.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(value: bool) -> None:
    if value:
        print(f"xmr {__version__}")
        raise typer.Exit


@app.callback()
def options(
    plugin: Annotated[list[Path] | None, typer.Option(help="A Python file that registers components.")] = None,
    debug: Annotated[bool, typer.Option(help="Show tracebacks.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True)] = False,
) -> None:
    """Options of every command."""
    del debug, version
    from xmr.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)


app.command("run")(run.run)
app.command("predict")(predict.predict)
app.command("evaluate")(evaluate.evaluate)
app.command("check")(check.check)
app.command("list")(catalogue.catalogue)
app.command("new")(new.new)
app.command("compare")(compare.compare)
app.command("scan")(scan.scan)
app.command("sweep")(sweep.sweep)
app.command("show")(show.show)
app.command("doctor")(doctor.doctor)
app.add_typer(data.app, name="data")


def execute(arguments: list[str]) -> int:
    """Run the command line -> exit status. Errors and notes are one line each on stderr, without a traceback."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def say(text: str) -> None:
        errors.print(f"xmr: {printable(text)}")

    def note(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, XmrWarning):
            say(f"note: {message}")
        else:
            shown(message, category, *rest)

    with warnings.catch_warnings():
        shown, warnings.showwarning = warnings.showwarning, note  # type: ignore[assignment]
        warnings.simplefilter("once", XmrWarning)
        try:
            result = app(arguments, standalone_mode=False)
            if result == _INTERRUPTED:
                say("stopped")
            return result if isinstance(result, int) else 0
        except XmrError as error:
            if "--debug" in arguments:
                raise
            for line in str(error).splitlines() or [type(error).__name__]:
                say(line)
            return error.exit_status
        except (typer.Abort, KeyboardInterrupt):
            say("stopped")
            return 1
        except BrokenPipeError:  # `| head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            usage = getattr(error, "format_message", None)  # a wrong command or option, whichever click typer brings
            if usage is not None:
                say(f"{usage()} (see `xmr --help`)")
                return 2
            if "--debug" in arguments:
                raise
            say(f"{type(error).__name__}: {error} (run with `xmr --debug ...` for the traceback)")
            return 1
