"""Checks of an input transformation."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import torch

from xmr.core.component import check_section, create
from xmr.core.kinds import Batch
from xmr.core.registry import ENCODERS, TRANSFORMS
from xmr.data.records import Records
from xmr.encoders.base import Encoder
from xmr.sources.base import Source
from xmr.testing.checks import ComponentChecks, assert_all, rows_of

RECORDS, LENGTH = 6, 40
TOLERANCE = 1e-5


class TransformChecks(ComponentChecks):
    """Cell of the grid, shapes, independence of padding, gradients, merging, determinism.

    source: a source of its space. encoder: a section; by default the first registered encoder of its kind.
    """

    def __init__(
        self, section: dict[str, Any] | str, source: Source, encoder: dict[str, Any] | str | None = None
    ) -> None:
        super().__init__("transform", section)
        self.source = source
        takes = self.entry.fact("takes")
        default = next((entry.name for entry in ENCODERS if entry.fact("emits") == takes), takes)
        self.encoder_section = check_section("encoder", encoder or default, "conformance")

    @cached_property
    def encoder(self) -> Encoder:
        """Fitted on its own example."""
        made: Encoder = create(ENCODERS, self.encoder_section)
        made.configure(LENGTH, tokenize=self.source.tokenize)
        return made.fit(made.example(RECORDS, 1))

    @cached_property
    def records(self) -> Records:
        """The encoder's example."""
        return self.encoder.example(RECORDS, 1)

    @cached_property
    def batch(self) -> Batch:
        """All of them."""
        return self._encoded(range(RECORDS))

    def _encoded(self, records: Any) -> Batch:
        return self.encoder.encode(self.records).batch(np.array(records))

    def _built(self) -> Any:
        generator = torch.Generator().manual_seed(5)
        built = create(TRANSFORMS, self.section).build(self.encoder.spec, self.source.space, generator)
        source = self.source
        built.set_feature_extractor(lambda inputs: source(inputs).features.detach(), source.hidden_width, generator)
        return built

    @cached_property
    def transform(self) -> Any:
        """One with gradients of a step, in eval mode."""
        made = self._built()
        for epoch in range(3):
            made.on_epoch(epoch, 4)
        _wake(made)
        fed = made(self.batch).values()  # as in training: batch norm may use the whole batch
        weights = torch.randn(fed.shape, generator=torch.Generator().manual_seed(3))
        (fed.square() * weights).sum().backward()
        return made.eval()

    def check_parameters_depend_only_on_the_generator(self) -> None:
        """Two of the same generator are equal."""
        for (name, one), (_, other) in zip(self._built().named_parameters(), self._built().named_parameters()):
            assert torch.equal(one, other), f"{name} differs between two builds with the same generator"

    def check_its_values_fit_the_source(self) -> None:
        """Shapes, ranges and masks are those of the source's space."""
        problems = self.transform(self.batch).problems(self.source.space, self.batch)
        assert not problems, "; ".join(problems)

    def check_padding_and_the_batch_do_not_matter(self) -> None:
        """A record alone and among others gives the same values."""
        inputs = self.transform(self.batch)
        for record in range(RECORDS):
            batch = self._encoded([record])
            alone = self.transform(batch)
            for row, other in zip(rows_of(batch, 0), rows_of(self.batch, record), strict=True):
                values = alone.row(row)
                same = torch.allclose(values, inputs.row(other)[: len(values)], atol=TOLERANCE)
                assert same, f"record {record} has other values in a batch than alone: padding or the batch matters"

    def check_every_parameter_gets_a_gradient(self) -> None:
        """All that `idle` does not name learn."""
        still = [
            name
            for name, each in self.transform.named_parameters()
            if each.requires_grad and each.numel() and name not in self.transform.idle()
            if each.grad is None or not bool((each.grad != 0).any())
        ]
        assert not still, f"no gradient reaches {', '.join(still)}"

    def check_merge_keeps_the_values(self) -> None:
        """What is saved gives the same values."""
        merged, inputs = self.transform.merge().eval()(self.batch), self.transform(self.batch)
        for row in range(len(self.batch)):
            assert torch.allclose(merged.row(row), inputs.row(row), atol=TOLERANCE), "merge changed the values"


def _wake(module: torch.nn.Module) -> None:
    """Change parameters that start at zero, because others would have no gradient."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for parameter in module.parameters():
            if not bool(parameter.any()):
                parameter.normal_(0.0, 0.05, generator=generator)


def check_transform(section: dict[str, Any] | str, source: Source, encoder: dict[str, Any] | str | None = None) -> None:
    """Run every check of a transform before a source; raises AssertionError that lists all failures."""
    assert_all(TransformChecks(section, source, encoder))
