"""How much memory a stretch of work took at its highest."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

import torch

MIB = 2**20


class PeakMemory:
    """The most memory this process held since `start`, in MiB; a GPU's own where the work is there.

    On Linux what earlier work left unused is given back at the start, and the kernel's high-water mark set back (what
    libraries keep on purpose, such as kernels compiled for a shape, stays counted). Elsewhere neither can be done, and
    the value is that of the process so far.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)

    def start(self) -> PeakMemory:
        """Count from here."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        gc.collect()
        with suppress(OSError, AttributeError, TypeError):  # where the C library is another
            ctypes.CDLL(None).malloc_trim(0)
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        return self

    def mib(self) -> float:
        """The highest since `start`."""
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
