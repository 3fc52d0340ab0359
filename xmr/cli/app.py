"""The `xmr` application: its commands, and how an error leaves it."""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from xmr import __version__
from xmr.cli import (
    ask,
    auto,
    check,
    check_component,
    compare,
    data,
    demo,
    doctor,
    evaluate,
    export,
    new,
    papers,
    predict,
    push,
    run,
    scan,
    serve,
    show,
    source,
    study,
    suggest,
    sweep,
)
from xmr.cli import list as list_command
from xmr.cli.options import RENAMED
from xmr.cli.remedies import as_options
from xmr.errors import XmrError, XmrWarning, nearest, printable

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
    plugin: Annotated[
        list[Path] | None, typer.Option(help="Python file that registers components. May be repeated.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""
    del debug, version
    from xmr.core.registry import load_plugin

    for path in plugin or []:
        load_plugin(path)


# Each command with the arguments of the example that its help shows.
COMMANDS: dict[str, tuple[Callable[..., Any], str]] = {
    "demo": (demo.demo, "series"),
    "run": (run.run, "protein/amp training.epochs=10 -o runs/amp"),
    "predict": (predict.predict, "runs/amp new.fasta -o predictions.csv"),
    "push": (push.push, "runs/amp ada/amp-program"),
    "serve": (serve.serve, "runs/amp --port 8000"),
    "export": (export.export, "runs/amp --onnx amp.onnx"),
    "evaluate": (evaluate.evaluate, "runs/amp labelled.csv"),
    "check": (check.check, "protein/amp training.batch_tokens=4096"),
    "list": (list_command.catalogue, "transforms"),
    "new": (new.new, "protein mine.csv --target activity"),
    "compare": (compare.compare, "protein/amp --train-sizes 50,200,all"),
    "ask": (ask.ask, "image/digits_imagenet -o answers.npz"),
    "scan": (scan.scan, "protein/amp --sources minilm,identity"),
    "auto": (auto.auto, "table/wine --minutes 2"),
    "sweep": (sweep.sweep, "protein/amp training.learning_rate=1e-3,3e-3"),
    "study": (study.study, "studies/demo.yaml --jobs 2"),
    "suggest": (suggest.suggest, "runs/amp pool.fasta --n 96"),
    "papers": (papers.papers, "voice2series"),
    "show": (show.show, "protein/amp"),
    "check-component": (check_component.check_component, "my_transform.py"),
    "doctor": (doctor.doctor, ""),
}
for _name, (_function, _example) in COMMANDS.items():
    _sentence = (_function.__doc__ or "").splitlines()[0]
    app.command(_name, short_help=_sentence, epilog=f"Example: xmr {_name} {_example}".rstrip())(_function)
app.add_typer(source.app, name="source", epilog="Example: xmr source get yamnet")
app.add_typer(data.app, name="data", epilog="Example: xmr data get ucr/Coffee")


def _options(arguments: list[str]) -> set[str]:
    """The options of the command that is called, if there is one."""
    name = next((argument for argument in arguments if argument in COMMANDS), "")
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    return {option for known in commands[name].params for option in known.opts} if name else set()


def _with_hint(message: str) -> str:
    """A message of typer's, with the choice nearest to a wrong one."""
    message = message.replace("Value error, ", "")
    wrong = re.search(r"'([^']*)' is not one of (.*)\.$", message)
    close = nearest(wrong[1], re.findall(r"'([^']*)'", wrong[2])) if wrong else None
    return f"{message.removesuffix('.')}; did you mean {close}?" if close else message


def _usage(error: Exception) -> str:
    """What typer says of a wrong command line; an option that was renamed is answered with its new name."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    old, context = getattr(error, "option_name", None), getattr(error, "ctx", None)
    known = {name for option in context.command.params for name in option.opts} if context is not None else set()
    if old in RENAMED and RENAMED[old] in known:
        return f"{old} is now {RENAMED[old]}"
    return _with_hint(message)


def execute(arguments: list[str]) -> int:
    """Run the command line -> exit status. Errors and notes are one line each on stderr, without a traceback."""
    errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

    def echo(text: str) -> None:
        errors.print(f"xmr: {printable(text)}")

    def note(message: Warning | str, category: type[Warning], *rest: Any) -> None:
        if issubclass(category, XmrWarning):
            echo(f"note: {message}")
        else:
            shown(message, category, *rest)

    with warnings.catch_warnings():
        shown, warnings.showwarning = warnings.showwarning, note  # type: ignore[assignment]
        warnings.simplefilter("once", XmrWarning)
        try:
            result = app(arguments, standalone_mode=False)
            if result == _INTERRUPTED:
                echo("stopped")
            return result if isinstance(result, int) else 0
        except XmrError as error:
            if "--debug" in arguments:
                raise
            for line in str(error).splitlines() or [type(error).__name__]:
                echo(as_options(line, _options(arguments)))
            return error.exit_status
        except (typer.Abort, KeyboardInterrupt):
            echo("stopped")
            return 1
        except BrokenPipeError:  # `| head`: nobody reads on
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            if hasattr(error, "format_message"):  # a wrong command or option, whichever click typer brings
                echo(f"{_usage(error)} (see `xmr --help`)")
                return 2
            if "--debug" in arguments:
                raise
            echo(f"{type(error).__name__}: {error} (run with `xmr --debug ...` for the traceback)")
            return 1
