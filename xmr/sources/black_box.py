"""A source that only answers: no weights, no gradient, a price for every question (BAR, BlackVIP, AReS)."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from xmr.core.spaces import PooledFeatures
from xmr.errors import Problem, RecipeError
from xmr.sources.base import Source, SourceChangedError
from xmr.sources.log_probabilities import Outputs, log_probabilities
from xmr.sources.media import Medium
from xmr.sources.questions import Purpose, Questions, key_of

CANARIES = 2  # fixed questions by whose answers a service is recognized
CANARY_CLASSES = 16  # whose probabilities are remembered
CANARY_DIGITS = 3


class BlackBox(Source):
    """The base of sources that only answer: their features are the logarithms of their probabilities, so that every
    output works on them. A subclass states `medium` and `ask`.

    Args:
        outputs: what an answer is: `probabilities` or `logits` of all classes, the `top_k` alone, a single `label`, or
            `features` (an embedding: numbers as they come, no classes).
        views: fixed renderings of each record that are asked about; their answers side by side are the features, those
            to the plain one first. One question per view and record.
        queries: budget: most questions for training, search and validation; null: no limit.
        batch: records per call.
        price: of one question, for the cost in metrics.json.
        cache: keep all answers in the run folder (answers.sqlite), so that no question is asked twice; needed for a
            budget. XMR_ANSWERS names a folder in which runs share them.
    """

    gradient: ClassVar[bool] = False
    one_vector: ClassVar[bool] = True
    questions: Questions

    def __init__(
        self,
        outputs: Outputs = "probabilities",
        views: Sequence[str] = ("plain",),
        queries: int | None = None,
        batch: int = 32,
        price: float = 0.0,
        cache: bool = True,
    ) -> None:
        super().__init__()
        if queries is not None and not cache:
            expected = "true: only kept answers can be counted across a resumed run"
            raise RecipeError(Problem("source.cache", "false with a budget (source.queries)", expected))
        if len({*views}) < len(views) or not views:
            raise RecipeError(Problem("source.views", f"{list(views)}", "one or several views, each once"))
        self.outputs: Outputs = outputs
        self.views, self.batch = tuple(sorted(views, key=lambda view: view != "plain")), batch
        self.questions = Questions(queries, price, cache)

    medium: Medium

    @abstractmethod
    def ask(self, items: Any) -> np.ndarray:
        """What it answers to a batch of items as they are in `medium`: (B, K_S); see `log_probabilities`."""

    def calls(self, items: Any, batches: list[list[int]]) -> Iterator[tuple[list[int], np.ndarray]]:
        """The features of each batch of items, in the order in which their calls return."""
        for batch in batches:
            yield batch, self.answered(_taken(items, batch))

    def answered(self, items: Any) -> np.ndarray:
        """The features of items by one call: (B, K_S)."""
        return self._features(self.ask(items), len(items))

    def adopt(self, identity: dict[str, Any], medium: Medium, classes: int, names: tuple[str, ...] = ()) -> Self:
        """Use a service of K_S classes, recognized by `identity` and by its answers to two fixed questions."""
        self.medium, self.space, self._classes = medium, medium.space, classes
        self.class_names = names if len(names) == classes else ()
        self.own_width, self.hidden_width = classes, classes * len(self.views)
        self._asked_of = json.dumps({**identity, "outputs": self.outputs, "classes": classes}, sort_keys=True)
        self.freeze()
        self.canary = self._ask_canary()
        self.identity = key_of(self._asked_of, b"").hex()
        return self

    def forward(self, inputs: Any) -> PooledFeatures:
        """log p of every view side by side: (B, k K_S)."""
        items = self.medium.items(inputs, self.views)
        keys = [key_of(self._asked_of, self.medium.raw(item)) for item in items]

        def ask(missing: list[int]) -> Iterator[tuple[list[int], np.ndarray]]:
            """The features of the items that were not asked before."""
            batches = [missing[begin : begin + self.batch] for begin in range(0, len(missing), self.batch)]
            yield from self.calls(items, batches)

        found = torch.from_numpy(self.questions.answered(keys, ask))
        side_by_side = torch.cat(found.chunk(len(self.views)), dim=1)
        return PooledFeatures(side_by_side.to(_device_of(inputs)))

    def answers(self, hidden: Tensor) -> Tensor:
        """log p of the source classes by the plain view: (B, K_S). Raises RecipeError for a service of embeddings."""
        if self.outputs == "features":
            expected = "output: {name: ridge} or kernel_ridge: an embedding has no classes to map"
            raise RecipeError(Problem("output.name", "a mapping of source classes", expected))
        return hidden[..., : self.own_width].float()

    @property
    def classes(self) -> int:
        """K_S."""
        return self._classes

    def asking(self, purpose: Purpose) -> AbstractContextManager[None]:
        """See `Source.asking`."""
        return self.questions.asking(purpose)

    @contextmanager
    def keeping_answers(self, folder: Path, training: int, validation: int) -> Iterator[None]:
        """See `Source.keeping_answers`."""
        self.questions.plan((training + validation) * len(self.views), training, validation)
        before = self.questions.open(folder, self.identity, json.dumps(self.canary))
        try:
            if before:
                self.check_canary(json.loads(before))
            yield
        finally:
            self.questions.close()

    def check_canary(self, canary: Any) -> None:
        """Raises SourceChangedError, or warns (`drifted`), where the fixed questions were answered otherwise."""
        if change := largest_change(self.canary, canary):
            self.drifted(f"the service answers otherwise than before: largest change of a probability {change:.2g}")

    def assert_unchanged(self) -> None:
        """Ask the two fixed questions again; see `check_canary`."""
        self.check_canary(self._ask_canary())

    def drifted(self, message: str) -> None:
        """What to do where answers have changed: raises SourceChangedError."""
        raise SourceChangedError(message)

    def _features(self, answers: np.ndarray, number: int) -> np.ndarray:
        """`log_probabilities` of answers of the right shape. Raises RecipeError for others."""
        expected = (number,) if self.outputs == "label" else (number, self._classes)
        if answers.shape != expected:
            raise RecipeError(Problem("source", f"answers of shape {answers.shape}", f"{expected}, one per question"))
        known = answers if self.outputs != "top_k" else np.nan_to_num(answers)
        if not np.isfinite(known).all():
            raise RecipeError(Problem("source", "an answer that is not a finite number", "finite numbers"))
        if self.outputs == "label" and not ((answers >= 0) & (answers < self._classes)).all():
            found = f"classes {answers.min()} to {answers.max()}"
            raise RecipeError(Problem("source", found, f"0 to {self._classes - 1} (source.classes)"))
        return log_probabilities(answers, self.outputs, self._classes)

    def _ask_canary(self) -> list[list[list[Any]]]:
        """The largest probabilities (numbers of an embedding: the largest) of the fixed questions, rounded."""
        answers = self.answered(self.medium.example(CANARIES))
        values = answers if self.outputs == "features" else np.exp(answers)
        self.questions.note("canary", CANARIES)
        top = np.argsort(-values, axis=1, kind="stable")[:, :CANARY_CLASSES]
        return [
            [[int(place), round(float(row[place]), CANARY_DIGITS)] for place in places]
            for row, places in zip(values, top)
        ]


def largest_change(now: Any, then: Any) -> float:
    """The largest change of a number between two canaries; 0.0 where it is no more than rounding."""
    changes = [0.0]
    for new, old in zip(now, then):
        before = dict(old)
        changes += [abs(value - before[place]) if place in before else value for place, value in new]
    return max(changes) if max(changes) >= 2 * 10**-CANARY_DIGITS else 0.0


def _taken(items: Any, batch: list[int]) -> Any:
    """Some of the items: rows of an array, or elements of a list."""
    return items[batch] if isinstance(items, np.ndarray) else [items[index] for index in batch]


def _device_of(inputs: Any) -> torch.device:
    """Where the input of a source lies."""
    found = next((value for value in vars(inputs).values() if isinstance(value, Tensor)), None)
    return torch.device("cpu") if found is None else found.device
