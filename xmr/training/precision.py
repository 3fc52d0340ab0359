"""Mixed precision where the processor supports it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch


def resolve_precision(asked: str, device: torch.device) -> str:
    """`auto` -> bf16 on processors with bfloat16 arithmetic (AVX512-BF16, AMX, recent GPUs), else full."""
    if asked != "auto":
        return asked
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "full"
    if device.type == "cpu":
        able = [
            getattr(torch.cpu, name, lambda: False) for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
        ]
        return "bf16" if any(check() for check in able) else "full"
    return "full"


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """The autocast context: bfloat16 matrix products with float32 norms and sums, or a null context."""
    return torch.autocast(device.type, torch.bfloat16) if precision == "bf16" else nullcontext()
