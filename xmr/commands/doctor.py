"""`xmr doctor`: versions, device, extras, caches and whether the hub is asked."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement

from xmr.data.public.catalog import status
from xmr.data.public.location import cache_folder

WRONG = "WRONG"  # the name of a line about something broken


def diagnose() -> Iterator[tuple[str, str]]:
    """Name and value of everything worth knowing about this machine; a broken package is called `WRONG`."""
    yield "xmr", f"{_version('xmr')} on Python {platform.python_version()}, {platform.platform()}"
    for package in ("torch", "torchaudio", "transformers", "accelerate"):
        yield package, _version(package)
    yield from _torch()
    for extra, packages in _extras():
        missing = [name for name in packages if _version(name) == "not installed"]
        yield f"[{extra}]", f"missing {', '.join(missing)}: pip install 'xmr[{extra}]'" if missing else "installed"
    yield "cache", str(cache_folder())
    for name in ("XMR_DATA", "XMR_MODELS"):
        yield name, os.environ.get(name, "not set")
    from huggingface_hub import constants

    offline = constants.HF_HUB_OFFLINE
    yield "hub", "switched off (HF_HUB_OFFLINE=1)" if offline else "asked only for models given by hub name"
    here = sum(not where.startswith("not here") for _, where in status())
    yield "data sets", f"{here} of {len(list(status()))} here (`xmr data list`)"


def _torch() -> Iterator[tuple[str, str]]:
    """Devices and precision, and whether torch and torchaudio belong together."""
    try:
        import torch
    except ImportError as error:
        yield WRONG, f"torch cannot be imported: {error}"
        return
    from xmr.training.precision import resolve_precision

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    yield "device", ", ".join(gpus) if gpus else f"CPU, {torch.get_num_threads()} threads"
    yield "torch CUDA", str(torch.version.cuda)
    yield "precision", f"auto is {resolve_precision('auto', torch.device('cuda' if gpus else 'cpu'))}"
    audio = _version("torchaudio")
    if audio != "not installed" and _minor(audio) != _minor(torch.__version__):
        found = f"torchaudio {audio} with torch {torch.__version__}"
        yield WRONG, f"{found}: install torch 2.11.0 and torchaudio 2.11.0"


def _minor(version: str) -> str:
    """`2.11` of `2.11.0+cpu`."""
    return version.split("+")[0].rsplit(".", 1)[0]


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
