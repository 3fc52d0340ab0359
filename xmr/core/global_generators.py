"""The only use of global generators, for third-party code that accepts no generator.

All other modules pass a generator explicitly (tests/core/test_generators.py checks every file).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from xmr.core.generators import Generators

_NUMPY, _TORCH = threading.Lock(), threading.Lock()


@contextmanager
def use_generators(generators: Generators) -> Iterator[None]:
    """In this block and thread, torch uses `generators`: the same numbers as its global generator with that seed.

    For initializers and dropout of transformers, timm, peft, torch's own layers and plugins. Calls that already pass a
    generator are unchanged. Costs a few microseconds per operator. The fused dropout of accelerators accepts no
    generator and is not covered: models trained in this block (the baselines) are trained on the CPU.
    """
    with _Redirected(generators):
        yield


class _Redirected(TorchDispatchMode):
    """Passes a generator to every random operator that was called without one."""

    def __init__(self, generators: Generators) -> None:
        super().__init__()
        self.generators = generators

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, drawing = kwargs or {}, _with_generator(func)
        if drawing is not None and kwargs.get("generator") is None:
            device = next((value.device for value in args if isinstance(value, Tensor)), kwargs.get("device"))
            device = device or torch.device("cpu")
            if device.type != "meta":
                return drawing(*args, **{**kwargs, "generator": self.generators.on(device)})
        return func(*args, **kwargs)


@cache
def _with_generator(func: Any) -> Any:
    """The overload of a random operator with a generator argument; None if there is none."""
    if torch.Tag.nondeterministic_seeded not in func.tags:
        return None

    def signature(overload: Any) -> list[tuple[str, str]]:
        found = [(argument.name, str(argument.type)) for argument in overload._schema.arguments]
        return [pair for pair in found if pair[0] != "generator"]

    overloads = (getattr(func.overloadpacket, name) for name in func.overloadpacket.overloads())
    for overload in (func, *overloads):
        takes = any(argument.name == "generator" for argument in overload._schema.arguments)
        if takes and signature(overload) == signature(func):
            return overload
    return None


@contextmanager
def torch_state_kept() -> Iterator[None]:
    """For code that seeds torch's global generator: one block at a time; the caller's state is restored."""
    with _TORCH, torch.random.fork_rng(devices=[]):
        yield


@contextmanager
def numpy_state_kept() -> Iterator[None]:
    """For code that seeds numpy's global generator: one block at a time; the caller's state is restored."""
    with _NUMPY:
        before = np.random.get_state()  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
