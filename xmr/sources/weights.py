"""Weights files and model folders, found and read without running any code in them."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from xmr.data.public.location import cache_folder
from xmr.errors import Problem, RecipeError, SourceUnavailableError
from xmr.sources.published.catalog import how_to_get

Weights = Literal["pretrained", "random"]

# What the two readers raise for damaged files.
_DAMAGED = (
    SafetensorError,
    OSError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    AttributeError,
    TypeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    struct.error,
)


def find_model(name: str) -> str:
    """A file or folder by path, or by name below XMR_MODELS, next to XMR_DATA or in the cache; otherwise the name
    itself.
    """
    if os.path.exists(name):  # unlike pathlib, no error for very long names
        return name
    roots = [Path(os.environ["XMR_MODELS"])] if os.environ.get("XMR_MODELS") else []
    if os.environ.get("XMR_DATA"):
        roots.append(Path(os.environ["XMR_DATA"]).parent / "models")
    inside = Path(name)
    if not inside.is_absolute() and ".." not in inside.parts:
        for root in (*roots, cache_folder() / "models"):
            if os.path.exists(root / inside):
                return str(root / inside)
    return name


def load_weights(name: str, field: str = "source.weights_file") -> dict[str, Tensor]:
    """Tensors of a safetensors file, or of a torch file read with `weights_only`.

    A state inside a checkpoint (`state_dict`, `model`) is found, and the prefix `module.` of data-parallel training
    removed. Raises SourceUnavailableError for a file that is missing, RecipeError for one that is damaged, or holds
    anything but tensors.
    """
    path = Path(find_model(name))
    if not os.path.isfile(path):  # a pipe or a device is refused as well
        expected = f"a .safetensors or .pt file, here or below XMR_MODELS{how_to_get(name)}"
        raise SourceUnavailableError(Problem(field, f"no file {name!r}", expected))
    try:
        if path.suffix == ".safetensors":
            raw: Any = load_file(path)
        else:
            raw = torch.load(path, map_location="cpu", weights_only=True)
    except _DAMAGED as error:
        raise RecipeError(Problem(field, f"a damaged file {path}", "weights")) from error
    except UnpicklingError as error:  # something that is not tensors
        reason = str(error).strip().splitlines()[0][:120]
        raise RecipeError(
            Problem(field, f"{path}, which holds more than weights ({reason})", "tensors only")
        ) from error
    for key in ("state_dict", "model"):
        if isinstance(raw, dict) and isinstance(raw.get(key), dict):
            raw = raw[key]
    if not isinstance(raw, dict) or not all(isinstance(value, Tensor) for value in raw.values()):
        raise RecipeError(Problem(field, f"{path} without a table of tensors", "a state_dict"))
    return {key.removeprefix("module."): value for key, value in raw.items()}


def fill(network: torch.nn.Module, tensors: dict[str, Tensor], field: str = "source.weights_file") -> None:
    """Load the tensors. Raises RecipeError unless names and shapes are those of the network."""
    own = network.state_dict()
    counters = {key for key in own if key.endswith("num_batches_tracked")}
    missing, strange = sorted(set(own) - set(tensors) - counters), sorted(set(tensors) - set(own))
    wrong = [key for key in own if key in tensors and own[key].shape != tensors[key].shape]
    if missing or strange or wrong:
        parts = [("no ", missing), ("unknown ", strange), ("another shape of ", wrong)]
        found = "; ".join(f"{word}{', '.join(names[:3])}" for word, names in parts if names)
        raise RecipeError(Problem(field, found, "the weights of this network"))
    network.load_state_dict(tensors, strict=False)
