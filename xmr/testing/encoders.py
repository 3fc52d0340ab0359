"""Checks of an encoder."""

from __future__ import annotations

import json
from dataclasses import fields
from functools import cached_property
from typing import Any

import numpy as np
import torch

from xmr.core.component import create
from xmr.core.kinds import Batch, EncodedSet
from xmr.core.registry import ENCODERS
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.testing.checks import ComponentChecks, assert_all, rows_of

RECORDS, TRAINING, LENGTH = 24, 16, 64


class EncoderChecks(ComponentChecks):
    """Shapes, independence of the batch, statistics of training records alone, saving, determinism."""

    def __init__(self, section: dict[str, Any] | str, task: str = "classification") -> None:
        super().__init__("encoder", section)
        self.task = task

    @cached_property
    def encoder(self) -> Encoder:
        """Fitted on the first records of its own example."""
        made: Encoder = create(ENCODERS, self.section)
        made.configure(LENGTH)
        return made.fit(made.example(RECORDS, 0, self.task).take(range(TRAINING)))

    @cached_property
    def records(self) -> Records:
        """Its own example."""
        return self.encoder.example(RECORDS, 0, self.task)

    @cached_property
    def data(self) -> EncodedSet:
        """The example encoded."""
        return self.encoder.encode(self.records)

    @cached_property
    def batch(self) -> Batch:
        """All records of the example."""
        return self.data.batch(np.arange(RECORDS))

    def check_its_example_depends_only_on_the_seed(self) -> None:
        """The same seed, the same records."""
        again = self.encoder.example(RECORDS, 0, self.task)
        assert again.inputs == self.records.inputs, "two examples of one seed differ"

    def check_its_own_example_is_readable(self) -> None:
        """`check` finds nothing wrong in `example`."""
        wrong = self.encoder.check(self.records)
        assert not wrong, f"check refuses record {min(wrong, default=0)} of the encoder's own example: {wrong}"

    def check_encoding_learns_nothing(self) -> None:
        """Statistics come from the training records alone."""
        before = json.dumps(self.encoder.state())
        self.encoder.encode(self.records)
        assert json.dumps(self.encoder.state()) == before, "encode changed the state that fit had learned"

    def check_every_record_is_encoded(self) -> None:
        """One encoded record per record, none of an empty part."""
        assert len(self.data) == RECORDS, f"{len(self.data)} encoded records of {RECORDS}"
        empty = len(self.encoder.encode(self.records.take([])))
        assert empty == 0, f"{empty} encoded records of none (a split without validation records has an empty part)"

    def check_batches_fit_the_spec(self) -> None:
        """The batch and the encoder's spec agree."""
        problems = self.batch.problems(self.encoder.spec)
        assert not problems, "; ".join(problems)

    def check_a_record_does_not_depend_on_its_batch(self) -> None:
        """A record alone and among others has the same values."""
        for record in (0, 3, RECORDS - 1):
            alone = self.data.batch(np.array([record]))
            for row, other in zip(rows_of(alone, 0), rows_of(self.batch, record), strict=True):
                same = torch.equal(alone.row(row), self.batch.row(other))
                assert same, f"record {record} has other values in a batch than alone"

    def check_the_state_survives_saving(self) -> None:
        """An encoder restored from JSON encodes the same."""
        state = json.loads(json.dumps(self.encoder.state()))
        again: Encoder = create(ENCODERS, self.section).restore(state)
        first = np.array([0])
        same = torch.equal(again.encode(self.records).batch(first).row(0), self.data.batch(first).row(0))
        assert same, "an encoder restored from its state encodes differently"

    def check_batches_move_to_another_device(self) -> None:
        """`Batch.to` takes every tensor along."""
        moved = self.batch.to(torch.device("meta"))
        left = [
            each.name
            for each in fields(moved)
            if torch.is_tensor(value := getattr(moved, each.name)) and value.device.type != "meta"
        ]
        assert not left, f"Batch.to leaves {', '.join(left)} behind"

    def check_batches_can_be_shortened(self) -> None:
        """`Batch.take` keeps the first records."""
        taken = self.batch.take(2)
        rows = sum(len(rows_of(self.batch, record)) for record in (0, 1))
        assert len(taken) == rows, f"take(2) holds {len(taken)} rows; the first two records have {rows}"


def check_encoder(section: dict[str, Any] | str, task: str = "classification") -> None:
    """Run every check of an encoder; raises AssertionError that lists all failures."""
    assert_all(EncoderChecks(section, task))
