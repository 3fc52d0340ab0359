"""What waits for the device: on CUDA torch's own alarm, on the CPU the operations that would wait there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes

WAITING = {  # their result, or its size, is read by Python
    "aten._local_scalar_dense.default",
    "aten.nonzero.default",
    "aten.masked_select.default",
    "aten.bincount.default",
    "aten._unique2.default",
    "aten.is_nonzero.default",
    "aten.equal.default",
}


class SyncError(AssertionError):
    """A step would wait for the device."""


class _Watched(TorchDispatchMode):
    """Refuses operations that wait. hosts: tensors that lie on the CPU in any case."""

    def __init__(self, hosts: tuple[torch.Tensor, ...]) -> None:
        super().__init__()
        self.hosts = hosts

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        by_mask = str(func) == "aten.index.Tensor" and any(i is not None and i.dtype == torch.bool for i in args[1])
        if (str(func) in WAITING or by_mask) and not any(args[0] is host for host in self.hosts):
            raise SyncError(f"{func} waits for the device")
        return func(*args, **(kwargs or {}))


class OnHost:
    """A data set whose batches are made outside of the watch: they are made on the CPU in any case."""

    def __init__(self, data: Any) -> None:
        self._data = data

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._data, name)
        if name not in ("batch", "align"):
            return found

        def unwatched(*arguments: Any) -> Any:
            with _disable_current_modes():
                return found(*arguments)

        return unwatched


@contextmanager
def no_sync(device: torch.device, *hosts: torch.Tensor) -> Iterator[None]:
    """Raises where the device is waited for. hosts: tensors that lie on the CPU in any case."""
    if device.type == "cuda":
        torch.cuda.set_sync_debug_mode("error")
        try:
            yield
        finally:
            torch.cuda.set_sync_debug_mode("default")
    else:
        with _Watched(hosts):
            yield
