"""The contract of a source: it states its space, answers in `TokenFeatures`, and never changes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from xmr.core.spaces import SourceOutput, Space, Tokenize
from xmr.errors import Problem, RecipeError, XmrError
from xmr.sources.packaged import PackagedFile


class SourceChangedError(XmrError):
    """The source's weights differ from what they were before training."""


class Source(nn.Module, ABC):
    """A frozen model. `load` brings the weights; `freeze` makes it unable to learn and remembers a checksum.

    `identity` is the checksum of the weights as they were loaded, by which a program knows its source on any machine;
    a source that rearranges its weights for speed sets it before it does.

    Constructor arguments are the recipe section; `load` does all that touches files. A frozen source stays in eval
    mode whatever `train()` is called with, so that dropout is off and batch-norm statistics never move.
    """

    section: dict[str, Any]  # the recipe section it was made from (xmr.core.component.create)
    space_kind: ClassVar[str]
    packaged: ClassVar[PackagedFile | None] = None  # its weights, where they come inside a pip package
    space: Space
    hidden_width: int
    own_width: int  # of the last layer's features alone
    identity: str = ""
    is_control: ClassVar[bool] = False  # whether it stands for "no pretrained network" in a comparison
    taps: int = 1  # hidden states of so many layers side by side
    class_names: tuple[str, ...] = ()  # of the source's own classes, where it names them
    tokenize: Tokenize | None = None  # texts -> token ids, where the source reads words

    @abstractmethod
    def load(self, seed: int = 0) -> Self:
        """Bring the weights. seed: for a source whose weights are drawn at random (a control)."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Name, revision and settings from which the same source can be loaded again, as plain JSON."""

    @abstractmethod
    def forward(self, inputs: Any) -> SourceOutput:
        """Answer a batch."""

    @abstractmethod
    def answers(self, hidden: Tensor) -> Tensor:
        """The source's own class logits for hidden states: (..., D') -> (..., K_S)."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """K_S, the number of the source's own classes."""

    def classifier_weight(self) -> Tensor:
        """The (K_S, D) matrix of the source's own classifier. Raises RecipeError where it has none that is linear."""
        raise RecipeError(Problem("output.name", "a source without a linear classifier", "output: {name: linear}"))

    def pre_classifier(self, hidden: Tensor) -> Tensor:
        """What the source does before that matrix: (..., D') -> (..., D)."""
        return hidden

    def without_network(self) -> dict[str, Any] | None:
        """The control in this source's place: a source section without a network, or None where there is none.

        Needs no weights, but may read the configuration of a model; raises as `load` does.
        """
        return None

    def trainable_copy(self) -> Self:
        """A copy with every weight free to learn, for fine-tuning. Raises RecipeError where nothing can be trained."""
        raise RecipeError(Problem("baselines", f"fine-tuning of {type(self).__name__}", "a language or image model"))

    def blocks(self) -> int:
        """How many blocks the model has that `layers` counts, before it is cut; 0 where it cannot be cut."""
        return 0

    def freeze(self) -> Self:
        """No gradient, eval mode; remembers the checksum that `assert_unchanged` compares with."""
        self.requires_grad_(False)
        self.eval()
        self._frozen_checksum = self.checksum()
        self.identity = self.identity or self._frozen_checksum
        return self

    def train(self, mode: bool = True) -> Self:
        """A source is always in eval mode; `mode` is ignored."""
        del mode
        return super().train(False)

    def checksum(self) -> str:
        """SHA-256 over every parameter and buffer, name by name, in its own precision."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(memoryview(flat.numpy()))
        return digest.hexdigest()

    def assert_unchanged(self) -> None:
        """Raises SourceChangedError unless every weight is bit-identical to when it was frozen."""
        if self.checksum() != self._frozen_checksum:
            raise SourceChangedError("the source's weights changed during training: this is a defect, not a result")

    def parameter_count(self) -> int:
        """Frozen parameters in use."""
        return sum(parameter.numel() for parameter in self.parameters())
