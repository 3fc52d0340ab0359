"""Checkpoints without pickle: tensors in safetensors, the rest in JSON, each written in one step."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor, nn

from xmr.core.files import json_sha256, write_tensors, write_text
from xmr.errors import Problem, ProgramError, reason
from xmr.outputs.base import Output


def trained_state(modules: dict[str, nn.Module]) -> dict[str, Tensor]:
    """Copies of every parameter and buffer of the trained modules, counts of mappings included."""
    return {
        f"{prefix}.{name}": tensor.detach().cpu().clone()
        for prefix, module in modules.items()
        for name, tensor in _trained(module)
    }


def _trained(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """Everything that training changes: the saved tensors, and what outputs count meanwhile.

    `build` recreates all other buffers, such as the source's embedding matrix that some transforms use.
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
                if tensor.shape != saved.shape:  # the counts of an unfinished epoch
                    tensor.resize_(saved.shape)
                tensor.copy_(saved)


def save_checkpoint(folder: Path, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
    """Write both files under a new number, then name it in `latest`: a kill at any point leaves a whole checkpoint."""
    folder.mkdir(parents=True, exist_ok=True)
    name = f"step-{progress['step']}-{progress['epoch']}-{progress['batch']}"
    noted = {"progress": progress, "tensors_sha256": write_tensors(folder / f"{name}.safetensors", tensors)}
    write_text(folder / f"{name}.json", json.dumps({**noted, "sha256": json_sha256(noted)}))
    write_text(folder / "latest", name)
    for old in folder.glob("step-*"):
        if old.stem != name:
            old.unlink()


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The latest checkpoint, or None. Raises ProgramError if it is not what was saved."""
    latest = folder / "latest"
    if not latest.is_file():
        return None
    try:
        name = latest.read_text(encoding="utf-8").strip()
        if not re.fullmatch(r"step-[0-9]+-[0-9]+-[0-9]+", name):
            raise ValueError(f"the name {name[:80]!r}")
        noted = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        content = (folder / f"{name}.safetensors").read_bytes()
        if noted.pop("sha256") != json_sha256(noted) or sha256(content).hexdigest() != noted["tensors_sha256"]:
            raise ValueError("a file changed after it was written")
        return load(content), noted["progress"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        found = f"a damaged checkpoint ({reason(error)})"
        raise ProgramError(Problem(str(latest), found, "what the run saved; --force starts over")) from error
