"""Runs on the nodes of a Ray cluster: a run is a task, which Ray starts again elsewhere when its node dies.

A part of a prediction is a call of an actor, which loads its program once. Without a cluster Ray starts one on this
machine, which ends with the command. Documentation of Ray: https://docs.ray.io.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from xmr.commands.workers.base import (
    Engine,
    EngineError,
    Item,
    Result,
    Run,
    Surroundings,
    WorkerLostError,
    Workers,
    must_be_seen,
)
from xmr.core.output_folder import InUseError
from xmr.errors import InputError, Problem, require

if TYPE_CHECKING:
    from xmr.recipe.recipe import Recipe

RETRIES = 10  # of a run, and lost processes of a prediction in a row without a result
PATIENCE = 60  # seconds until the process of a dead node has let go of its folder
PORT = 6379  # Ray's own
STORE = 256 * 2**20  # bytes of the object store of a cluster of one's own: records of a few parts wait in it
ANSWER = 10  # seconds in which an address must answer


class RayWorkers(Workers):
    """Tasks and actors of a Ray cluster."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.ray: Any = require("ray", "scale", "--engine ray")
        self.surroundings = Surroundings()
        self.owner = False
        self.running: list[Any] = []

    def __enter__(self) -> Self:
        self.owner = not self.ray.is_initialized()
        if self.owner:
            _connect(self.ray, self.engine.address)
        try:
            self._check_room()
        except InputError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        if self.owner:  # of the connection; with it ends what runs, and the cluster that began with it
            self.ray.shutdown()
        else:
            for task in self.running:
                self.ray.cancel(task, force=True)

    def _resources(self) -> dict[str, float]:
        return {"num_cpus": self.engine.cpus, "num_gpus": self.engine.gpus}

    def _check_room(self) -> None:
        """Raises InputError for resources that no node has: Ray would wait for such a node forever."""
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        for option, name, asked in (("cpus", "CPU", self.engine.cpus), ("gpus", "GPU", self.engine.gpus)):
            most = max(node.get(name, 0) for node in nodes)
            if asked > most:
                raise InputError(Problem(f"--{option}-per-run", f"{asked:g}", f"at most {most:g}, as a node has"))

    def submit(self, function: Callable[..., Result], *arguments: Any) -> Callable[[], Result]:
        """See `Workers.submit`."""
        if self.engine.jobs is not None:
            raise InputError(Problem("--jobs", "a number of runs at a time", "--cpus-per-run: Ray fills its nodes"))
        task = self.ray.remote(**self._resources(), max_retries=RETRIES)(_work)
        self.running.append(task.remote(self.surroundings, partial(function, *arguments)))
        return partial(self._result, self.running[-1])

    def start(self, train: Run, recipe: Recipe, folder: Path, comment: str) -> Callable[[], dict[str, Any]]:
        """See `Workers.start`."""
        folder = folder.absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return super().start(partial(_where_all_see, train), recipe, folder, comment)

    def _result(self, task: Any) -> Any:
        """What a task gave; an error as it was raised."""
        errors = self.ray.exceptions
        try:
            return self.ray.get(task)
        except errors.RayTaskError as error:
            if isinstance(error.cause, errors.RaySystemError):  # what was sent could not be read
                why = str(error.cause).splitlines()[0]
                found = f"a node that lacks xmr {self.surroundings.version} or its packages ({why})"
                raise EngineError(str(Problem("--engine ray", found, "the same ones on all nodes"))) from None
            raise error.cause from None
        except errors.RayError as error:
            why = (str(error).strip().splitlines() or [type(error).__name__])[0]
            kept = "what is finished is kept, and the same command continues"
            raise WorkerLostError(f"Ray lost a process {RETRIES} times ({why}); {kept}") from error

    def over(self, make: Callable[[], Callable[[Item], Result]], items: Iterable[Item]) -> Iterator[Result]:
        """See `Workers.over`. A lost actor is replaced, where there is room for it, and its item given to another."""
        kind = self.ray.remote(**self._resources(), max_restarts=0)(_Actor)
        room = sum(self._fitting(node["Resources"]) for node in self.ray.nodes() if node["Alive"])
        left, again, lost, finished = iter(items), list[Item](), 0, False
        waiting: dict[Any, tuple[Any, list[Item]]] = {}  # answer -> its actor, and its item, or none while it loads

        def add() -> None:
            actor = kind.remote()
            waiting[actor.load.remote(self.surroundings, make)] = actor, []

        for _ in range(min(room, self.engine.jobs or room)):
            add()
        while again or not finished or any(given for _, given in waiting.values()):
            answer = self.ray.wait([*waiting], num_returns=1)[0][0]
            actor, given = waiting.pop(answer)
            try:
                result = self._result(answer)
            except WorkerLostError:
                lost += 1
                if lost > RETRIES:
                    raise
                again += given
                add()
                continue
            if given:
                lost = 0
                yield result
            following = [again.pop()] if again else [*islice(left, 1)]
            if following:
                waiting[actor.apply.remote(*following)] = actor, following
            else:
                finished = True

    def _fitting(self, resources: dict[str, float]) -> int:
        """How many processes a node has room for."""
        asked = {"CPU": self.engine.cpus, "GPU": self.engine.gpus}
        return int(min(resources.get(name, 0) // each for name, each in asked.items() if each))


class _Actor:
    """A process that keeps what it has loaded."""

    def load(self, surroundings: Surroundings, make: Callable[[], Callable[[Any], Any]]) -> None:
        """Prepare, and load."""
        surroundings.enter()
        self.made = make()

    def apply(self, item: Any) -> Any:
        """What was loaded gives for an item."""
        return self.made(item)


def _work(surroundings: Surroundings, function: Callable[[], Result]) -> Result:
    """A task: prepare, and call a function; again while a process that should have ended holds its folder."""
    surroundings.enter()
    for _ in range(PATIENCE):
        with suppress(InUseError):
            return function()
        time.sleep(1)
    return function()


def _where_all_see(train: Run, recipe: Recipe, folder: Path, **settings: Any) -> dict[str, Any]:
    """Run a recipe in a folder that the one who asked has made."""
    must_be_seen(folder)
    return train(recipe, folder, **settings)


def _connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster; without an address to that of this machine, or begin one.

    Raises EngineError for an address that does not answer, and for a cluster of another Python or Ray.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anyone
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR}
    place = address or os.environ.get("RAY_ADDRESS") or "auto"
    if place not in ("auto", "local"):
        place = place if ":" in place else f"{place}:{PORT}"
        host, _, port = place.removeprefix("ray://").rpartition(":")
        try:
            socket.create_connection((host, int(port)), ANSWER).close()
        except (OSError, ValueError) as error:
            raise _unreachable(place, error) from error
    try:
        ray.init(place, **quiet)
    except ConnectionError as error:
        if address is not None:
            raise _unreachable(place, error) from error
        ray.init("local", include_dashboard=False, object_store_memory=STORE, **quiet)
    except RuntimeError as error:  # of other versions than here, which Ray lists line by line
        ray.shutdown()
        raise EngineError(
            str(Problem(place, " ".join(str(error).split()), "a cluster of the same Ray and Python"))
        ) from error


def _unreachable(place: str, error: Exception) -> EngineError:
    found = f"an address that does not answer ({(str(error).splitlines() or [''])[0]})"
    return EngineError(str(Problem(f"--address {place}", found, "auto, or HOST:PORT of a Ray cluster that runs")))
