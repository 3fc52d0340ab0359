"""The contract of a source: it states its space, returns features, and never changes."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from xmr.core.spaces import SourceOutput, Space, Tokenize
from xmr.errors import Problem, RecipeError, XmrError
from xmr.sources.packaged import PackagedFile
from xmr.sources.questions import Purpose, Questions


class SourceChangedError(XmrError):
    """The source's weights differ from what they were before training."""


class Source(nn.Module, ABC):
    """A frozen model. `load` loads the weights; `freeze` disables training and stores a checksum.

    `identity` is the checksum of the weights as loaded, by which a program recognizes its source on any machine; a
    source that rearranges its weights for speed sets it before.

    Constructor arguments are the recipe section; only `load` reads files. A frozen source ignores `train()` and stays
    in eval mode, so that dropout is off and batch-norm statistics never change.
    """

    section: Mapping[str, Any] = MappingProxyType({})  # the recipe section it was made from (xmr.core.component.create)
    space_kind: ClassVar[str]
    packaged: ClassVar[PackagedFile | None] = None  # its weights, where they come inside a pip package
    space: Space
    hidden_width: int
    own_width: int  # of the last layer's features alone
    identity: str = ""
    seed: int = 0  # of randomly initialized weights, as `load` was given it
    tied: bool = False  # whether the embedding matrix alone maps features to source classes
    is_control: ClassVar[bool] = False  # whether it stands for "no pretrained network" in a comparison
    one_vector: ClassVar[bool] = False  # per record; otherwise hidden states at all positions
    gradient: ClassVar[bool] = True  # whether it can be differentiated; false for a source that only answers
    feature_layers: int | list[int] = 1  # layers whose features are concatenated, see depths.py
    class_names: tuple[str, ...] = ()  # of the source classes, if known
    questions: Questions | None = None  # of a source that only answers
    address: str = ""  # to which its inputs are sent, of a source on another machine
    canary: Any = None  # its answers to fixed questions, by which it is recognized
    tokenize: Tokenize | None = None  # texts -> token ids, if the source has a tokenizer
    group_of: tuple[str, ...] = ()  # the group of each of these texts
    text_of: tuple[str, ...] | None = None  # the text each class stands for, of sources that compare images with texts

    @abstractmethod
    def load(self, seed: int = 0) -> Self:
        """Load the weights. seed: for randomly initialized weights (a control)."""

    def describe(self) -> dict[str, Any]:
        """Name, revision and settings from which the same source can be loaded again, as plain JSON.

        Raises RecipeError for a source that was not made from a recipe section.
        """
        if not self.section:
            expected = "create(SOURCES, {'name': ...}) of xmr.core.component, which can be loaded again"
            raise RecipeError(Problem("source", f"a {type(self).__name__} without a recipe section", expected))
        return dict(self.section)

    @abstractmethod
    def forward(self, inputs: Any) -> SourceOutput:
        """The features of a batch."""

    @abstractmethod
    def answers(self, hidden: Tensor) -> Tensor:
        """The logits of the source classes for hidden states: (..., D') -> (..., K_S)."""

    @property
    @abstractmethod
    def classes(self) -> int:
        """K_S, the number of source classes."""

    def classifier_weight(self) -> Tensor:
        """The (K_S, D) matrix of the source's own classifier. Raises RecipeError if it has no linear one."""
        raise RecipeError(Problem("output.name", "a source without a linear classifier", "output: {name: linear}"))

    def pre_classifier(self, hidden: Tensor) -> Tensor:
        """The layers of the source before that matrix: (..., D') -> (..., D)."""
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

    def asking(self, purpose: Purpose) -> AbstractContextManager[None]:
        """What the passes in a block are for; sources that count questions note it."""
        del purpose
        return nullcontext()

    @contextmanager
    def keeping_answers(self, folder: Path, training: int, validation: int) -> Iterator[None]:
        """Sources that count questions keep the answers to those of a block in `folder`.

        training, validation: how many records there are. Raises RecipeError for a budget that they exceed.
        """
        del folder, training, validation
        yield

    def check_canary(self, canary: Any) -> None:
        """Compare the answers to fixed questions with those of another time (`canary`, as plain JSON)."""

    def compile_network(self, backend: str = "inductor") -> None:
        """Compile the frozen network, in place, for any size of its inputs; its weights and their names stay."""
        network = getattr(self, "body", None)
        if isinstance(network, nn.Module) and self.gradient:
            network.compile(backend=backend, dynamic=True)

    def freeze(self) -> Self:
        """No gradient, eval mode; stores the checksum for `assert_unchanged`."""
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
        """SHA-256 over the names and values of all parameters and buffers, in their own precision."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(name.encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(memoryview(flat.numpy()))
        return digest.hexdigest()

    def assert_unchanged(self) -> None:
        """Raises SourceChangedError unless all weights are bit-identical to those at `freeze`."""
        if self.checksum() != self._frozen_checksum:
            raise SourceChangedError("the source's weights changed during training: this is a defect, not a result")

    def parameter_count(self) -> int:
        """Frozen parameters in use."""
        return sum(parameter.numel() for parameter in self.parameters())
