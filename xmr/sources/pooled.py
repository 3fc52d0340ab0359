"""Sources with one feature vector per record: networks cut before their last linear layer."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn

from xmr.core.spaces import PooledFeatures
from xmr.sources.base import Source


class PooledSource(Source):
    """The base of image and audio sources. `head` is the classifier that was cut off, or the identity."""

    head: nn.Module
    _classes: int

    @abstractmethod
    def features(self, inputs: Any) -> Tensor:
        """A batch of the space -> (B, D'), the classifier's input first."""

    def forward(self, inputs: Any) -> PooledFeatures:
        """See `features`."""
        return PooledFeatures(self.features(inputs))

    def answers(self, hidden: Tensor) -> Tensor:
        """The logits of the source classes: (B, D') -> (B, K_S), in full precision because mappings rank them."""
        with torch.autocast(hidden.device.type, enabled=False):
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
