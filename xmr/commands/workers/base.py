"""The interface of what starts runs, and the choice between its implementations."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from xmr import __version__
from xmr.core import registry
from xmr.errors import InputError, Problem, XmrError, reason

if TYPE_CHECKING:
    from xmr.recipe.recipe import Recipe

Run = Callable[..., dict[str, Any]]  # `xmr.commands.run.run`
Item = TypeVar("Item")
Result = TypeVar("Result")


class EngineError(XmrError):
    """What ends all runs and not one of them: lost processes, nodes that differ; what is finished is kept."""


class WorkerLostError(EngineError):
    """The system ended a process, mostly because memory ran out; what runs finished is kept."""


@dataclass(frozen=True)
class Engine:
    """Where to compute. jobs: processes at a time (default 1; of Ray, as many as there is room for).

    address: of a Ray cluster, `auto` for the one of this machine, or HOST:PORT; by default the one of this machine, or
    else one for this command alone. cpus, gpus: of each run or process on Ray; GPUs may be fractions.
    """

    name: Literal["local", "ray"] = "local"
    jobs: int | None = None
    address: str | None = None
    cpus: float = 1
    gpus: float = 0

    def __post_init__(self) -> None:
        if self.name == "local" and (self.address is not None or self.gpus or self.cpus != 1):
            found = "an address, processors or GPUs of a cluster"
            raise InputError(Problem("--engine", found, "them with --engine ray alone"))

    def workers(self) -> Workers:
        """What starts runs there, a context. Raises MissingExtraError and, when it is entered, EngineError."""
        if self.name == "ray":
            from xmr.commands.workers.on_ray import RayWorkers

            return RayWorkers(self)
        from xmr.commands.workers.local import LocalWorkers

        return LocalWorkers(self)


@dataclass(frozen=True)
class Surroundings:
    """What a process needs to work like the one that asked: its version of xmr, folder and plugins."""

    version: str = __version__
    folder: Path = field(default_factory=Path.cwd)
    plugins: tuple[Path, ...] = field(default_factory=lambda: tuple(path.absolute() for path in registry.PLUGINS))

    def enter(self) -> None:
        """Take them over. Raises EngineError for another version of xmr, or a folder that is not there."""
        if self.version != __version__:
            raise EngineError(
                str(Problem(f"node {os.uname().nodename}", f"xmr {__version__}", f"xmr {self.version}, as here"))
            )
        must_be_seen(self.folder)
        os.chdir(self.folder)
        for path in self.plugins:
            registry.load_plugin(path)


def must_be_seen(path: Path) -> None:
    """Raises EngineError where a node does not see what another made."""
    if not path.exists():
        found = f"a path that node {os.uname().nodename} does not see"
        raise EngineError(str(Problem(str(path), found, "a path that all nodes share")))


class Workers(ABC):
    """Starts runs. With a single local job, a run begins when its result is asked for, in this process; else they go
    ahead.

    Leaving the context drops what has not begun.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __enter__(self) -> Self:
        return self

    @abstractmethod
    def __exit__(self, *raised: object) -> None: ...

    @abstractmethod
    def submit(self, function: Callable[..., Result], *arguments: Any) -> Callable[[], Result]:
        """Call a function -> a function that waits for its result.

        That function raises what was raised, and WorkerLostError where the process is gone.
        """

    @abstractmethod
    def over(self, make: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """What `make()`, called once in each process, gives for every item, in any order.

        Items are taken as they are needed. make: hashable, as a frozen dataclass is.
        """

    def start(self, train: Run, recipe: Recipe, folder: Path, comment: str) -> Callable[[], dict[str, Any]]:
        """Run a recipe, continuing what is in its folder -> a function that waits for its metrics; see `submit`."""
        return self.submit(partial(train, recipe, folder, resume=True, comment=comment))

    def start_seeds(
        self, train: Run, recipe: Recipe, folder: Path, seeds: int, comment: str
    ) -> list[Callable[[], dict[str, Any]]]:
        """`start` for each of several seeds, from the recipe's own on, in `folder/seed-N`."""
        return [
            self.start(
                train,
                recipe.model_copy(update={"seed": seed}, deep=True),
                folder / f"seed-{seed}",
                f"{comment} seed={seed}",
            )
            for seed in range(recipe.seed, recipe.seed + seeds)
        ]


def outcome(runs: list[Callable[[], dict[str, Any]]]) -> list[dict[str, Any]] | str:
    """What all of the runs gave; or, in a line, why one failed, by which other runs are not lost.

    Raises what ends more than these runs: TrainingInterruptedError, EngineError.
    """
    from xmr.training.interrupt import TrainingInterruptedError

    try:
        return [result() for result in runs]
    except (TrainingInterruptedError, EngineError):
        raise
    except Exception as error:
        return reason(error)
