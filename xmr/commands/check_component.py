"""`xmr check-component`: the named checks of every component that a plugin file adds."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from xmr.baselines.registry import BASELINES
from xmr.core.component import create
from xmr.core.registry import ENCODERS, OUTPUTS, SOURCES, TASKS, TRANSFORMS, load_plugin
from xmr.errors import Problem, RecipeError, one_of
from xmr.metrics.registry import METRICS
from xmr.tasks.base import task_class
from xmr.testing.baselines import BaselineChecks
from xmr.testing.checks import Checks, Outcome, run_checks
from xmr.testing.encoders import EncoderChecks
from xmr.testing.metrics import MetricChecks
from xmr.testing.outputs import OutputChecks
from xmr.testing.sources import source_checks
from xmr.testing.stand_ins import stand_in
from xmr.testing.tasks import TaskChecks
from xmr.testing.transforms import TransformChecks

Section = dict[str, Any]
_REGISTRIES = (ENCODERS, TRANSFORMS, SOURCES, OUTPUTS, TASKS)


def check_component(
    path: Path, name: str | None = None, settings: Section | None = None, expected: Collection[str] = ()
) -> Iterator[Outcome]:
    """Load a plugin file and run the checks of what it adds, or of its component `name` alone.

    settings: arguments of that component. expected: names of checks that may fail. Raises RecipeError for a file that
    adds nothing, and for unknown names.
    """
    before = {registry.kind: set(registry.names()) for registry in _REGISTRIES}
    known = [*BASELINES, *METRICS]
    load_plugin(path)
    added = [
        (registry.kind, each)
        for registry in _REGISTRIES
        for each in registry.names()
        if each not in before[registry.kind]
    ]
    baselines = [baseline for baseline in BASELINES if baseline not in known]
    metrics = [metric for metric in METRICS if metric not in known]
    names = [
        *(each for _, each in added),
        *(baseline.name for baseline in baselines),
        *(metric.name for metric in metrics),
    ]
    if not names:
        expected_there = "a call such as TRANSFORMS.add(...) or BASELINES.add(...)"
        raise RecipeError(Problem(str(path), "no new component", expected_there))
    if name is not None and name not in names:
        raise RecipeError(one_of("check-component", name, names))
    checked: list[Checks] = [
        checks for kind, each in added if name in (None, each) for checks in _OF[kind](each, settings or {})
    ]
    checked += [BaselineChecks(baseline) for baseline in baselines if name in (None, baseline.name)]
    checked += [MetricChecks(metric) for metric in metrics if name in (None, metric.name)]
    for checks in checked:
        yield from run_checks(checks, expected)


def _transform(name: str, settings: Section) -> list[Checks]:
    return [TransformChecks({"name": name, **settings}, stand_in(TRANSFORMS.entry(name).fact("space")))]


def _source(name: str, settings: Section) -> list[Checks]:
    return [source_checks(create(SOURCES, {"name": name, **settings}).load(0))]


def _output(name: str, settings: Section) -> list[Checks]:
    """One set of checks per task, behind a source of tokens; forecasts have an encoder of their own."""
    tasks = [task for task in OUTPUTS.get(name).tasks if task_class(task).has_labels]
    return [OutputChecks({"name": name, **settings}, stand_in("token"), task) for task in tasks]


_OF: dict[str, Callable[[str, Section], list[Checks]]] = {
    "encoder": lambda name, settings: [EncoderChecks({"name": name, **settings})],
    "transform": _transform,
    "source": _source,
    "output": _output,
    "task": lambda name, settings: [TaskChecks(name)],
}
