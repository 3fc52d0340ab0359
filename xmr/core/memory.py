"""Peak memory of a piece of work."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

import torch

MIB = 2**20


class PeakMemory:
    """Peak memory of this process since `start`, in MiB; on a GPU, that of the GPU.

    On Linux, unused memory of earlier work is released at the start and the kernel's high-water mark is reset (caches
    of libraries, such as compiled kernels, stay counted). On other systems the value is the peak of the process.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def start(self) -> PeakMemory:
        """Start counting."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        gc.collect()
        with suppress(OSError, AttributeError, TypeError):  # with another C library
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return self

    def mib(self) -> float:
        """The peak since `start`."""
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device) / MIB
        with suppress(OSError, StopIteration):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            return float(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024
        try:
            import resource
        except ImportError:  # Windows
            return float("nan")
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most / (MIB if sys.platform == "darwin" else 1024)
