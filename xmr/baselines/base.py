"""The contract of a baseline: what it suits, what it may use, and how it is run. Imports nothing heavy."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, nn

    from xmr.sources.base import Source
    from xmr.tasks.base import Task

# What a task predicts: values for each record, each position, each hidden position, or for the steps after a window.
PER_RECORD: Literal["record"] = "record"
PER_POSITION: Literal["position"] = "position"
HIDDEN: Literal["hidden"] = "hidden"
FUTURE: Literal["future"] = "future"
Predicts = Literal["record", "position", "future", "hidden"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a recipe asks for, as far as it decides which baselines make sense.

    encoder: its registered name; emits: the kind of its batches; space: the source's; predicts: one of the four above.
    """

    encoder: str
    emits: str
    space: str
    predicts: Predicts = PER_RECORD


@dataclass(frozen=True, kw_only=True)
class BaselineInput:
    """What a baseline may use. The targets of the test part are not among it, so none can learn from them.

    texts: each record in canonical form, by part; sets: the encoded records, by part; targets: of the training and the
    validation part, (n, ...); task: classes and scales; arrays: series as they were read, where memory holds
    them; season: steps after which a forecast's series repeats; untrained: the recipe's transform before training;
    precision: "full" or "bf16", in which the program was trained.
    """

    case: Case
    texts: dict[str, list[str]]
    sets: dict[str, Any]
    targets: dict[str, np.ndarray]
    task: Task
    spec: Any  # of the kind that the baseline is registered for
    seed: int
    source: Source
    augment: Callable[[Any, Generator], Any] = lambda batch, generator: batch
    arrays: dict[str, np.ndarray | None] | None = None
    season: int = 1
    untrained: nn.Module | None = None
    precision: str = "full"


@dataclass(frozen=True)
class Baseline:
    """One baseline for the cases it suits; several may share a name, such as the `cnn` of sequences and of images.

    run: fits on the training and validation parts and predicts the test part: probabilities or values (n, K); or its
    "module:function", imported when it runs. uses_source: trains or probes the recipe's own source. is_control: a
    question about the source, no alternative to the program. in_compare: `xmr compare` runs it unasked. is_network: it
    trains a network by gradient, which takes minutes. needs: "module:extra", the package of an extra of xmr. seconds:
    how long one core takes, of a baseline that cannot be stopped and may take hours: a function or "module:function".
    """

    name: str
    summary: str
    suits: Callable[[Case], bool]
    run: Callable[[BaselineInput], np.ndarray] | str
    uses_source: bool = False
    is_control: bool = False
    in_compare: bool = False
    is_network: bool = False
    needs: str = ""
    seconds: Callable[[BaselineInput], float] | str = ""

    @property
    def missing(self) -> str:
        """What has to be installed first, in words, or nothing."""
        module, _, extra = self.needs.partition(":")
        here = not module or importlib.util.find_spec(module) is not None
        return "" if here else f"needs the package {module}, which is not installed: pip install 'xmr[{extra}]'"

    def predict(self, data: BaselineInput) -> np.ndarray:
        """Fit and predict the test part: (n, K)."""
        values: np.ndarray = _function(self.run)(data)
        return values

    def estimate(self, data: BaselineInput) -> float:
        """The seconds that `predict` takes, where it knows; otherwise 0."""
        return float(_function(self.seconds)(data)) if self.seconds else 0.0


def _function(named: Callable[[BaselineInput], Any] | str) -> Callable[[BaselineInput], Any]:
    """A function, or the one that "module:function" names."""
    if callable(named):
        return named
    module, _, function = named.partition(":")
    found: Callable[[BaselineInput], Any] = getattr(importlib.import_module(module), function)
    return found


def where(
    *,
    emits: str | Iterable[str] | None = None,
    space: str | Iterable[str] | None = None,
    encoder: str | None = None,
    predicts: Predicts = PER_RECORD,
) -> Callable[[Case], bool]:
    """A test of cases: everything given must match. `emits` and `space` may list several."""
    kinds = (emits,) if isinstance(emits, str) else emits
    spaces = (space,) if isinstance(space, str) else space
    return lambda case: (
        case.predicts == predicts
        and (kinds is None or case.emits in kinds)
        and (spaces is None or case.space in spaces)
        and encoder in (None, case.encoder)
    )
