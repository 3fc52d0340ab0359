"""Every step in the file system, counted; the process ends just before or just after a chosen one."""

from __future__ import annotations

import builtins
import io
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

KILLED = 137
_ONE, _TWO = ("unlink", "remove", "rmdir", "mkdir", "truncate"), ("replace", "rename", "link", "symlink")
_DESCRIPTOR = ("fsync", "ftruncate")


class Steps:
    """Counts steps below a folder. at: the step to die at, from one; after: once it is done, not before."""

    def __init__(self, root: Path, at: int | None = None, after: bool = False) -> None:
        self.root, self.at, self.after = str(root), at, after
        self.seen: list[str] = []

    def below(self, path: object) -> bool:
        """Whether a path is below the folder."""
        try:
            return os.path.abspath(os.fsdecode(path)).startswith(self.root)  # type: ignore[arg-type]
        except (TypeError, ValueError):
            return False

    def step(self, name: str, do: Callable[[], Any]) -> Any:
        """One step."""
        self.seen.append(name)
        chosen = len(self.seen) == self.at
        if chosen and not self.after:
            os._exit(KILLED)
        try:
            return do()
        finally:  # also after a step that failed: `unlink` of what may be missing
            if chosen:
                os._exit(KILLED)


@contextmanager
def counted(steps: Steps) -> Iterator[Steps]:
    """What is done to files in here passes through `steps`: os, open for writing, and safetensors."""
    import safetensors.torch

    def by_path(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def called(*arguments: Any, **more: Any) -> Any:
            if not any(steps.below(path) for path in arguments[:2]):
                return original(*arguments, **more)
            where = os.path.basename(os.fsdecode(arguments[0]))
            return steps.step(f"{name} {where}", lambda: original(*arguments, **more))

        return called

    def by_descriptor(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: steps.step(name, lambda: original(*arguments))

    def opened(file: Any, mode: str = "r", *arguments: Any, **more: Any) -> Any:
        if not set(mode) & set("wax+") or not steps.below(file):
            return plain_open(file, mode, *arguments, **more)
        return steps.step(f"open {os.path.basename(file)}", lambda: plain_open(file, mode, *arguments, **more))

    plain_open = io.open
    with ExitStack() as stack:
        for name in (*_ONE, *_TWO):
            stack.enter_context(mock.patch.object(os, name, by_path(name, getattr(os, name))))
        for name in _DESCRIPTOR:
            stack.enter_context(mock.patch.object(os, name, by_descriptor(name, getattr(os, name))))
        stack.enter_context(mock.patch.object(io, "open", opened))
        stack.enter_context(mock.patch.object(builtins, "open", opened))
        write = safetensors.torch.serialize_file
        saved = by_path("save_file", lambda path, tensors, *more, **named: write(tensors, path, *more, **named))
        stack.enter_context(
            mock.patch.object(
                safetensors.torch,
                "serialize_file",
                lambda tensors, path, *more, **named: saved(path, tensors, *more, **named),
            )
        )
        yield steps
