"""`xmr doctor`: what this machine has: versions, device, extras, caches, offline state."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from rich.console import Console


def doctor() -> int:
    """Print versions, devices, extras and caches; exit status 2 if a required package is broken."""
    from xmr.data.public.catalog import status
    from xmr.data.public.location import cache_folder

    console = Console(highlight=False)
    broken = 0

    def line(name: str, value: str) -> None:
        """Print a name and what is to be said of it."""
        console.print(f"{name:<14} {value}", markup=False, soft_wrap=True)

    line("xmr", f"{_version('xmr')} on Python {platform.python_version()}, {platform.platform()}")
    for package in ("torch", "torchaudio", "transformers", "accelerate"):
        line(package, _version(package))
    try:
        import torch

        gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
        line("device", ", ".join(gpus) if gpus else f"CPU, {torch.get_num_threads()} threads")
        line("torch CUDA", str(torch.version.cuda))
        from xmr.training.precision import resolve_precision

        line("precision", f"auto is {resolve_precision('auto', torch.device('cuda' if gpus else 'cpu'))}")
        audio = _version("torchaudio")
        if (
            audio != "not installed"
            and audio.split("+")[0].rsplit(".", 1)[0] != torch.__version__.split("+")[0].rsplit(".", 1)[0]
        ):
            broken = 2
            line(
                "WRONG",
                f"torchaudio {audio} beside torch {torch.__version__}: install torch 2.11.0 and torchaudio 2.11.0",
            )
    except ImportError as error:
        broken = 2
        line("WRONG", f"torch cannot be imported: {error}")
    for extra, packages in _extras():
        missing = [name for name in packages if _version(name) == "not installed"]
        line(
            f"[{extra}]",
            "installed" if not missing else f"missing {', '.join(missing)}: pip install 'xmr[{extra}]'",
        )
    line("cache", str(cache_folder()))
    for name in ("XMR_DATA", "XMR_MODELS"):
        line(name, os.environ.get(name, "not set"))
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    line("hub", "switched off (HF_HUB_OFFLINE=1)" if offline else "asked only for models given by hub name")
    here = sum(not where.startswith("not here") for _, where in status())
    line("data sets", f"{here} of {len(list(status()))} here (`xmr data list`)")
    return broken


def _extras() -> Iterator[tuple[str, list[str]]]:
    """The optional parts of xmr and the packages each needs, as it was installed."""
    wanted = [Requirement(text) for text in requires("xmr") or []]
    for extra in metadata("xmr").get_all("Provides-Extra") or []:
        yield (
            extra,
            [each.name for each in wanted if each.marker is not None and each.marker.evaluate({"extra": extra})],
        )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
