"""Checks of a source: one class per space, and what all have in common."""

from __future__ import annotations

import json
from abc import abstractmethod
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from xmr.core.spaces import PixelInput, SourceInput, SourceOutput, TokenInput, WaveInput
from xmr.sources.base import Source
from xmr.testing.checks import Checks, assert_all

TOLERANCE = 2e-4


class SourceChecks(Checks):
    """Frozen weights, a checksum, plain settings; what a source of any space must do."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.subject = f"source {source.section.get('name', type(source).__name__)}"

    def check_it_stays_in_eval_mode(self) -> None:
        """Dropout is off and batch-norm statistics never move."""
        assert not self.source.train().training, "train() switched a frozen source to training mode"

    def check_its_weights_are_frozen(self) -> None:
        """No parameter learns."""
        learning = [name for name, each in self.source.named_parameters() if each.requires_grad]
        assert not learning, f"parameters that require a gradient: {', '.join(learning[:5])}"

    def check_its_settings_are_plain_json(self) -> None:
        """Its section is saved with a program."""
        said = dict(self.source.section)
        assert json.loads(json.dumps(said)) == said, "its section changes when it is written as JSON"

    def check_its_weights_do_not_change(self) -> None:
        """Its checksum is the one remembered by `freeze`."""
        self.source.assert_unchanged()

    def check_its_checksum_sees_the_weights(self) -> None:
        """Another weight, another checksum."""
        first = next(self.source.parameters(), None)
        if first is None:
            return
        with torch.no_grad():
            kept = first.clone()
            first.view(-1)[0] += 1e-3
            seen = self.source.checksum() != self.source._frozen_checksum
            first.copy_(kept)
        assert seen, "a changed weight left the checksum as it was"


class _SpaceChecks(SourceChecks):
    """What a source of a known space must do with three records in it."""

    @abstractmethod
    def feed(self) -> tuple[Tensor, SourceInput]:
        """A leaf that requires a gradient, and the source's input made from it."""

    @abstractmethod
    def alone(self, leaf: Tensor) -> list[tuple[SourceInput, int]]:
        """Records on their own: (input, its row in `feed`)."""

    @abstractmethod
    def features(self, answer: Any) -> Tensor:
        """What is compared: features of each record, or hidden states at its content."""

    @cached_property
    def fed(self) -> tuple[Tensor, SourceOutput]:
        """The leaf, and the source's output."""
        leaf, inputs = self.feed()
        return leaf, self.source(inputs)

    def check_its_features_have_the_stated_width(self) -> None:
        """hidden_width is the width of what it gives."""
        width = self.features(self.fed[1]).shape[-1]
        assert width == self.source.hidden_width, (
            f"features of width {width}; hidden_width is {self.source.hidden_width}"
        )

    def check_padding_and_the_batch_do_not_matter(self) -> None:
        """A record alone and among others has the same features."""
        leaf, answer = self.fed
        for inputs, row in self.alone(leaf):
            found = self.features(self.source(inputs))[0]
            expected = self.features(answer)[row][: len(found)] if found.dim() > 1 else self.features(answer)[row]
            assert torch.allclose(found, expected, atol=TOLERANCE), f"record {row} differs in a batch from alone"

    def check_a_gradient_reaches_the_input(self) -> None:
        """A program in front of it can learn; a source that only answers says that it cannot."""
        if not self.source.gradient:
            assert not self.features(self.fed[1]).requires_grad, "a gradient, although `gradient` is False"
            return
        leaf, inputs = self.feed()
        found = self.features(self.source(inputs))
        (found * torch.randn(found.shape, generator=torch.Generator().manual_seed(4))).sum().backward()
        reached = leaf.grad is not None and bool((leaf.grad != 0).any())
        assert reached, "no gradient reaches the input"

    def check_it_has_class_logits(self) -> None:
        """`answers` gives one logit per class of its own."""
        logits = self.source.answers(self.features(self.fed[1]))
        found = logits.shape[-1]
        assert found == self.source.classes, f"{found} logits; classes is {self.source.classes}"


class TokenSourceChecks(_SpaceChecks):
    """Hidden states at the content, independent of padding."""

    lengths = torch.tensor([3, 7, 5])

    def feed(self) -> tuple[Tensor, SourceInput]:
        """See `_SpaceChecks`."""
        space: Any = self.source.space
        embeddings = torch.randn(3, 7, space.width, generator=torch.Generator().manual_seed(2)) * 0.1
        embeddings.requires_grad_()
        return embeddings, TokenInput(embeddings, torch.arange(7) < self.lengths[:, None], 0, 7)

    def alone(self, leaf: Tensor) -> list[tuple[SourceInput, int]]:
        """See `_SpaceChecks`."""
        return [
            (TokenInput(leaf[row : row + 1, :n], torch.ones(1, n, dtype=torch.bool), 0, n, True), row)
            for row, n in enumerate(self.lengths.tolist())
        ]

    def features(self, answer: Any) -> Tensor:
        """See `_SpaceChecks`."""
        return answer.aligned

    def check_special_tokens_are_the_same_for_every_record(self) -> None:
        """As many tokens around one record as around another."""
        added = self.fed[1].mask.sum(1) - self.lengths  # type: ignore[union-attr]
        assert len(set(added.tolist())) == 1, f"tokens added to records of different lengths: {added.tolist()}"


class PixelSourceChecks(_SpaceChecks):
    """Features of images, normalized as the space states."""

    def feed(self) -> tuple[Tensor, SourceInput]:
        """See `_SpaceChecks`."""
        space: Any = self.source.space
        shape = (3, space.channels, space.height, space.width)
        pixels = torch.rand(shape, generator=torch.Generator().manual_seed(2)).requires_grad_()
        return pixels, PixelInput(pixels)

    def alone(self, leaf: Tensor) -> list[tuple[SourceInput, int]]:
        """See `_SpaceChecks`."""
        return [(PixelInput(leaf[1:2]), 1)]

    def features(self, answer: Any) -> Tensor:
        """See `_SpaceChecks`."""
        return answer.features

    def check_it_normalizes_as_its_space_states(self) -> None:
        """Pixels normalized before it give the same features."""
        pixels, answer = self.fed
        space: Any = self.source.space
        mean, std = (torch.tensor(x)[:, None, None] for x in (space.mean, space.std))
        own = self.source(PixelInput((pixels - mean) / std, normalized=True))
        same = torch.allclose(self.features(own), self.features(answer), atol=TOLERANCE)
        assert same, "pixels normalized by the space's mean and std give other features"


class WaveSourceChecks(_SpaceChecks):
    """Features of audio clips, from a wave or from its spectrum."""

    def feed(self) -> tuple[Tensor, SourceInput]:
        """See `_SpaceChecks`."""
        space: Any = self.source.space
        waves = (torch.randn(3, space.samples, generator=torch.Generator().manual_seed(2)) * 0.1).requires_grad_()
        return waves, WaveInput(waves=waves)

    def alone(self, leaf: Tensor) -> list[tuple[SourceInput, int]]:
        """See `_SpaceChecks`."""
        return [(WaveInput(waves=leaf[1:2]), 1)]

    def features(self, answer: Any) -> Tensor:
        """See `_SpaceChecks`."""
        return answer.features

    def check_a_spectrum_gives_the_features_of_its_wave(self) -> None:
        """Where the source starts with a spectrum."""
        waves, answer = self.fed
        space: Any = self.source.space
        if space.spectrum is not None:
            found = self.source(WaveInput(spectrum=space.spectrum(waves)))
            same = torch.allclose(self.features(found), self.features(answer), atol=TOLERANCE)
            assert same, "a spectrum gives other features than its wave"


def source_checks(source: Source) -> SourceChecks:
    """The checks of a loaded source; those of its space where the space is a known one."""
    known = {"token": TokenSourceChecks, "pixel": PixelSourceChecks, "wave": WaveSourceChecks}
    return known.get(source.space_kind, SourceChecks)(source)


def check_source(source: Source) -> None:
    """Run every check of a loaded source; raises AssertionError that lists all failures."""
    assert_all(source_checks(source))
