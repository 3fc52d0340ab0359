"""Checks of a baseline on a small example of a case it suits."""

from __future__ import annotations

from functools import cached_property
from itertools import product

import numpy as np
import torch

from xmr.baselines.base import FUTURE, HIDDEN, PER_POSITION, PER_RECORD, Baseline, BaselineInput, Case, Predicts
from xmr.core.component import check_section, create
from xmr.core.registry import ENCODERS, TASKS, TRANSFORMS, grid
from xmr.encoders.base import Encoder
from xmr.encoders.forecast import ForecastEncoder
from xmr.tasks.base import task_class
from xmr.testing.checks import Checks
from xmr.testing.stand_ins import SPACES, stand_in

RECORDS, LENGTH = 60, 40
PARTS = {"train": range(30), "validation": range(30, 45), "test": range(45, RECORDS)}
_PREDICTED: tuple[Predicts, ...] = (PER_RECORD, PER_POSITION, HIDDEN, FUTURE)


class BaselineChecks(Checks):
    """Shapes, finite values, determinism, no side effects; on classes, or labels per position, or a forecast."""

    def __init__(self, baseline: Baseline) -> None:
        self.baseline = baseline
        self.subject = f"baseline {baseline.name}"

    @cached_property
    def case(self) -> Case:
        """The first case it suits, of registered encoders and the known spaces."""
        for predicts, entry, space in product(_PREDICTED, ENCODERS, SPACES):
            emits = entry.fact("emits")
            case = Case(encoder=entry.name, emits=emits, space=space, predicts=predicts)
            readable = issubclass(entry.load(), ForecastEncoder) == (predicts == FUTURE) and (emits, space) in grid()
            if readable and self.baseline.suits(case):
                return case
        raise AssertionError("it suits no case of the registered encoders and sources")

    @cached_property
    def data(self) -> BaselineInput:
        """A small example of that case."""
        case = self.case
        encoder: Encoder = create(ENCODERS, check_section("encoder", case.encoder, "conformance"))
        source = stand_in(case.space)
        encoder.configure(LENGTH)
        kind = next(kind for name in TASKS.names() if (kind := task_class(name)).predicts == case.predicts)
        records = encoder.example(RECORDS, 0, kind.name)
        parts = {part: records.take(rows) for part, rows in PARTS.items()}
        encoder.fit(parts["train"])
        task = encoder.targets(kind.name, parts["train"])
        transform = create(TRANSFORMS, check_section("transform", grid()[case.emits, case.space][0], "conformance"))
        return BaselineInput(
            case=case,
            texts={part: encoder.canonical(found) for part, found in parts.items()},
            sets={part: encoder.encode(found) for part, found in parts.items()},
            targets={part: task.encode(parts[part]).numpy() for part in ("train", "validation")},
            task=task,
            spec=encoder.spec,
            seed=0,
            source=source,
            arrays={part: found.arrays for part, found in parts.items()},
            untrained=transform.build(encoder.spec, source.space, torch.Generator().manual_seed(0)).eval(),
        )

    @cached_property
    def values(self) -> np.ndarray:
        """What it predicts for the test part."""
        return self.baseline.predict(self.data)

    def check_it_suits_a_known_case(self) -> None:
        """Else no recipe could name it."""
        assert self.case is not None

    def check_its_values_have_the_shape_of_a_program_s(self) -> None:
        """(records or positions, K)."""
        test, task = self.data.sets["test"], self.data.task
        rows = int(test.positions.sum()) if task.per_position else len(test)
        expected = (rows, task.outputs)
        assert self.values.shape == expected, f"values of shape {self.values.shape}; expected {expected}"

    def check_its_values_are_finite(self) -> None:
        """No NaN and no infinity."""
        assert np.isfinite(self.values).all(), "values that are not finite"

    def check_probabilities_sum_to_one(self) -> None:
        """Of the classes."""
        task = self.data.task
        if task.classes:
            assert np.allclose(self.values.sum(axis=1), 1, atol=1e-3), "the probabilities of a row do not sum to one"

    def check_the_same_seed_gives_the_same_values(self) -> None:
        """All randomness comes from `BaselineInput.seed`."""
        assert np.array_equal(self.baseline.predict(self.data), self.values), "two runs of one seed differ"

    def check_it_leaves_global_generators_alone(self) -> None:
        """Of numpy and torch: a program trained after it must not differ."""
        before, drawn = str(np.random.get_state()), torch.get_rng_state()  # noqa: NPY002
        self.baseline.predict(self.data)
        assert before == str(np.random.get_state()), "it draws from numpy's global generator"  # noqa: NPY002
        assert torch.equal(drawn, torch.get_rng_state()), "it draws from torch's global generator"
