"""Sources that return one vector per record: image and audio models, cut before their classifier.

The output in front of the last linear layer is the features (B, D'); that layer is kept as `head`, so that the logits
of the source classes are `head(features)` without a second pass.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

from torch import Tensor, autocast, nn

from xmr.core.spaces import PooledFeatures
from xmr.errors import Problem, RecipeError
from xmr.sources.base import Source
from xmr.sources.depths import FeatureLayers
from xmr.sources.hugging_face import random_init
from xmr.sources.weights import Weights, fill, load_weights


class PooledSource(Source):
    """The base of image and audio sources: a network without its classifier, and the classifier as `head`."""

    one_vector: ClassVar[bool] = True
    body: Any
    head: nn.Module
    _classes: int

    @abstractmethod
    def features(self, inputs: Any) -> Tensor:
        """Inputs of its space -> (B, D'), the classifier's input first."""

    def forward(self, inputs: Any) -> PooledFeatures:
        """See `features`."""
        return PooledFeatures(self.features(inputs))

    def answers(self, hidden: Tensor) -> Tensor:
        """The logits of the source classes: (B, D') -> (B, K_S), in full precision because mappings rank them."""
        with autocast(hidden.device.type, enabled=False):
            return self.head(hidden[..., : self.own_width].float())

    @property
    def classes(self) -> int:
        """K_S."""
        return self._classes

    def classifier_weight(self) -> Tensor:
        """The (K_S, D) matrix that turns the last features into logits."""
        return self.head.weight if isinstance(self.head, nn.Linear) else super().classifier_weight()

    def pre_classifier(self, hidden: Tensor) -> Tensor:
        """The identity: the classifier follows the last features directly."""
        return hidden[..., : self.own_width]


class OwnNetwork(PooledSource):
    """A torch network with a file of weights, which holds tensors alone: never code that a recipe brings.

    The base of `ModuleSource` for images and `ModuleWave` for audio.
    """

    names: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        weights_file: str | None = None,
        weights: Weights = "pretrained",
        feature_layers: FeatureLayers = 1,
    ) -> None:
        super().__init__()
        self.weights_file, self.weights, self.feature_layers = weights_file, weights, feature_layers

    @abstractmethod
    def network(self) -> nn.Module:
        """The architecture, randomly initialized, its tensors named as in the weights file."""

    def tensors(self) -> dict[str, Tensor]:
        """The pretrained weights, name by name. Raises RecipeError where no file is named."""
        if self.weights_file is None:
            raise RecipeError(Problem("source.weights_file", "none", "a .safetensors or .pt file, or weights: random"))
        return load_weights(self.weights_file)

    def create(self, seed: int) -> nn.Module:
        """The network with its weights. Raises RecipeError unless the file holds exactly its tensors."""
        self.seed = seed
        network = random_init(self.network, seed)
        if self.weights == "pretrained":
            fill(network, self.tensors())
        return network


def take_classifier(model: nn.Module) -> nn.Module:
    """Replace the model's last linear layer by the identity and return it; return the identity if there is none."""
    found = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    if not found:
        return nn.Identity()
    parent, _, leaf = found[-1].rpartition(".")
    owner = model.get_submodule(parent)
    head = owner._modules[leaf]
    owner._modules[leaf] = nn.Identity()
    assert head is not None
    return head
