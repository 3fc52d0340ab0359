"""Checkpoints without pickle: tensors in safetensors, the rest in JSON, each written in one step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from xmr.errors import Problem, ProgramError
from xmr.files import replacing, write_text
from xmr.outputs.base import Output


def trained_state(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Copies of every parameter and buffer of the trained modules, counts of mappings included."""
    return {
        f"{prefix}.{name}": tensor.detach().cpu().clone()
        for prefix, module in modules.items()
        for name, tensor in _trained(module)
    }


def _trained(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """What training changes: all that a program saves, and what outputs gather on the way.

    Other buffers are made anew by `build`; the source's embedding matrix, which some transforms read, is among them.
    """
    saved = module.state_dict(keep_vars=True)
    yield from saved.items()
    for path, part in module.named_modules():
        if isinstance(part, Output):
            for name, buffer in part.named_buffers(prefix=path):
                if name not in saved:
                    yield name, buffer


def restore_trained(modules: dict[str, nn.Module], state: dict[str, Tensor]) -> None:
    """The inverse of `trained_state`, in place."""
    with torch.no_grad():
        for prefix, module in modules.items():
            for name, tensor in _trained(module):
                saved = state[f"{prefix}.{name}"]
                if tensor.shape != saved.shape:  # what an output gathered of a running epoch
                    tensor.resize_(saved.shape)
                tensor.copy_(saved)


def optimizer_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """The optimiser's moments and step counts, by parameter number."""
    return {
        f"optimizer.{index}.{name}": torch.as_tensor(value).detach().cpu().clone()
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
        if value is not None
    }


def restore_optimizer(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """The inverse of `optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith("optimizer."):
            _, index, name = key.split(".", 2)
            state.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
    """Write both files under a new number, then name it in `latest`: a kill at any point leaves a whole checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{progress['step']}-{progress['epoch']}-{progress['batch']}"
    with replacing(folder / f"{name}.safetensors") as temporary:
        save_file({key: tensor.contiguous() for key, tensor in tensors.items()}, temporary)
    write_text(folder / f"{name}.json", json.dumps(progress))
    write_text(folder / "latest", name)
    for old in folder.glob("step-*"):
        if old.stem != name:
            old.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The latest checkpoint, or None where there is none. Raises ProgramError for a damaged one."""
    latest = folder / "latest"
    if not latest.is_file():
        return None
    name = latest.read_text(encoding="utf-8").strip()
    if not name.startswith("step-") or "/" in name:
        raise ProgramError(Problem(str(latest), repr(name), "the name of a checkpoint"))
    try:
        return load_file(folder / f"{name}.safetensors"), json.loads((folder / f"{name}.json").read_text("utf-8"))
    except (OSError, SafetensorError, json.JSONDecodeError) as error:
        raise ProgramError(
            Problem(
                str(folder / name),
                f"a damaged checkpoint ({error})",
                "a whole one; delete the folder to begin anew",
            )
        ) from error
