"""A list of modules that remembers their type, and the shapes of what is below one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar, cast

import torch
from torch import nn

M = TypeVar("M", bound=nn.Module)


class Modules(nn.ModuleList, Generic[M]):
    """An `nn.ModuleList` whose elements are of one type."""

    def __iter__(self) -> Iterator[M]:
        """The modules in order."""
        return cast(Iterator[M], super().__iter__())

    def __getitem__(self, index: int) -> M:  # type: ignore[override]
        """One of the modules."""
        return cast(M, super().__getitem__(index))


def sub_shapes(shapes: dict[str, torch.Size], prefix: str) -> dict[str, torch.Size]:
    """The shapes of what is below `prefix`, without it."""
    return {name.removeprefix(prefix): shape for name, shape in shapes.items() if name.startswith(prefix)}
