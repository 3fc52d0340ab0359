"""The one door to global generators, for code of others that draws from nothing else.

Here alone may numbers be drawn without a generator (tests/core/test_generators.py reads every other file for it).
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

_NUMPY = threading.Lock()


@contextmanager
def use_generators(generators: Generators) -> Iterator[None]:
    """In this block and thread, torch draws from `generators`: the same numbers as from its global generator so seeded.

    For initialisers and dropout of transformers, timm, peft, torch's own layers and plugins. What is drawn with a
    generator already stays as it is. Costs some microseconds an operator. The fused dropout of accelerators takes no
    generator and is not reached: what is trained under this (the baselines) is trained on the CPU.
    """
    with _Redirected(generators):
        yield


class _Redirected(TorchDispatchMode):
    """Gives every operator that draws, and was given no generator, the one of `generators`."""

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
    """An operator that draws, as it is called with a generator; None for all others, and where it takes none."""
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
def numpy_state_kept() -> Iterator[None]:
    """For code that seeds numpy's global generator: one such block at a time, and the caller's state afterwards."""
    with _NUMPY:
        before = np.random.get_state()  # noqa: NPY002
        try:
            yield
        finally:
            np.random.set_state(before)  # noqa: NPY002
