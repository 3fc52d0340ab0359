"""The device of a run, and the number of processes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import torch

from xmr.errors import DataError, Problem


def make_accelerator(device: str, **settings: Any) -> Any:
    """Accelerate selects the device and the processes; `device` forces the CPU or names a required device.

    settings: further ones of `Accelerator`.
    """
    from accelerate import Accelerator

    if (
        device not in ("auto", "cpu")
        and not (device.startswith("cuda") and torch.cuda.is_available())
        and not (device == "mps" and torch.backends.mps.is_available())
    ):
        raise DataError(Problem("--device", repr(device), "auto, cpu, or a device of this machine (see `xmr doctor`)"))
    from accelerate.utils import InitProcessGroupKwargs

    # Without `cpu`, accelerate would not see that several processes share a machine without accelerators.
    cpu = device == "cpu" or not torch.accelerator.is_available()
    # Other processes wait for the first one's baselines before the next seed.
    return Accelerator(cpu=cpu, kwargs_handlers=[InitProcessGroupKwargs(timeout=timedelta(days=2))], **settings)
